import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { batchesOf } from "./batches.ts"
import { compareAll, type Unit } from "./corpus.ts"
import { type Fetched, fetchSource } from "./debian-source.ts"
import type { TestRule } from "./iptables-rules.ts"
import { reasons } from "./known-differences.ts"

if (labUnavailable) process.stderr.write(`skipped: rules of iptables' tests: ${labUnavailable}\n`)

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
      const units = batchesOf(fetched.folder).map(({ name, program, before, commands, rules }): Unit => {
        const script = [
          ...before,
          ...commands.map((command) => `${command} && echo loaded`),
          ...drops(program, rules),
          "true",
        ]
        return {
          name,
          load: (host, folder) => {
            const path = join(folder, "rules.sh")
            writeFileSync(path, script.join("\n"))
            return host.try(["sh", path]).stdout.split("\n").length - 1
          },
        }
      })
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
