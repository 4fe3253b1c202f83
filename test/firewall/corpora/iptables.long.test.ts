import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { compareAll, type Unit } from "./corpus.ts"
import { type Fetched, fetchSource } from "./debian-source.ts"
import {
  backends,
  type RuleFile,
  readRuleFiles,
  type TestRule,
  toolNames,
  toolsOf,
} from "./iptables-rules.ts"
import { reasons } from "./known-differences.ts"

if (labUnavailable) process.stderr.write(`skipped: rules of iptables' tests: ${labUnavailable}\n`)

const batchSize = 75

describe.skipIf(labUnavailable)("rules of iptables' own tests", () => {
  const lab = new Lab()
  afterAll(() => lab.close())
  const fetched: Fetched = labUnavailable
    ? { folder: "", missing: labUnavailable }
    : fetchSource(lab.folder, "iptables")
  if (fetched.missing !== undefined && !labUnavailable)
    process.stderr.write(`skipped: rules of iptables' tests: ${fetched.missing}\n`)

  it.skipIf(fetched.missing !== undefined)(
    "come back in every way",
    async () => {
      const files = readRuleFiles(fetched.folder)
      const units = backends.flatMap((backend) =>
        toolNames
          .filter((tool) => backend === "nft" || tool !== "ebtables")
          .flatMap((tool) =>
            batches(
              `${tool}-${backend}`,
              files.filter(({ name }) => toolsOf(name).includes(tool)),
            ),
          ),
      )
      const { explained, unexplained } = await compareAll("rules of iptables' tests", units)
      expect(unexplained).toEqual([])
      // A part of them need not meet every reason.
      if (process.env.FW_ONLY === undefined)
        expect(reasons("iptables").filter((why) => !explained.has(why))).toEqual([])
    },
    3_600_000,
  )
})

/** What makes an open take the rules away: a rule that drops, at the end of a chain of each table that may hold one. */
function drops(program: string, batch: readonly TestRule[]): string[] {
  const chains = new Map(batch.map(({ table, chain }) => [table, chain]))
  chains.delete("nat")
  return [...chains].map(([table, chain]) => `${program} -t ${table} -A ${chain} -j DROP`)
}

/** Rules in batches; each counts something else, so that a count that goes astray shows. */
function batches(program: string, files: readonly RuleFile[]): Unit[] {
  const rules = files.flatMap((file) => file.rules)
  const units: Unit[] = []
  for (let at = 0; at < rules.length; at += batchSize) {
    const batch = rules.slice(at, at + batchSize)
    const names = new Set(batch.map(({ file }) => file))
    const before = files.filter(({ name }) => names.has(name)).flatMap((file) => file.before)
    const script = [
      ...before.map((line) => line.replace(/^iptables /, `${program} `)),
      ...batch.map(
        ({ table, chain, text }, index) =>
          `${program} -t ${table} -A ${chain} ${text} -c ${index + 1} ${60 * (index + 1)} && echo loaded`,
      ),
      ...drops(program, batch),
      "true",
    ]
    units.push({
      name: `${program} ${at + 1}-${at + batch.length}`,
      load: (host, folder) => {
        const path = join(folder, "rules.sh")
        writeFileSync(path, script.join("\n"))
        return host.try(["sh", path]).stdout.split("\n").length - 1
      },
    })
  }
  return units
}
