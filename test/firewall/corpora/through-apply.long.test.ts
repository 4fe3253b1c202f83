import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { ruleFiles } from "../../../src/apply/candidate/rule-files.ts"
import type { PlannedChange } from "../../../src/apply/plan.ts"
import { reasonOf } from "../../../src/errors.ts"
import { rawDifferences, rawViews } from "../../support/firewall/raw-views.ts"
import { type Host, Lab, labUnavailable } from "../../support/lab/lab.ts"
import { WholeWay } from "../../support/whole-way.ts"
import { batchesOf } from "./batches.ts"
import { fetchSource } from "./debian-source.ts"
import { dumpsOf } from "./dumps.ts"
import { explainApply } from "./known-apply.ts"

if (labUnavailable) process.stderr.write(`skipped: the corpora through fw-apply: ${labUnavailable}\n`)

/** A script or a ruleset of a corpus. */
interface Unit {
  readonly name: string
  readonly devices: readonly string[]
  /** Makes the text of it for a machine without rules; undefined where nothing of it loads. */
  text(host: Host): string | undefined
  /** Loads it without fw-apply. */
  readonly program: string
}

/** What fw-apply does with a unit, in this order. */
const stages = ["loaded", "planned", "printed", "applied", "unchanged"] as const
type Stage = (typeof stages)[number]

describe.skipIf(labUnavailable)("the corpora through fw-apply", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  it.each([
    ["iptables", iptablesUnits],
    ["nftables", nftablesUnits],
  ] as const)(
    "%s: printed, applied, and nothing to do the second time",
    async (corpus, unitsOf) => {
      const { folder, missing } = fetchSource(lab.folder, corpus)
      if (missing !== undefined)
        return void process.stderr.write(`skipped: ${corpus} through fw-apply: ${missing}\n`)
      const counts = new Map<Stage, number>(stages.map((stage) => [stage, 0]))
      const [explained, unexplained]: [Map<string, string[]>, string[]] = [new Map(), []]
      const units = unitsOf(folder).filter(({ name }) => name.includes(process.env.FW_ONLY ?? ""))
      for (const unit of units)
        for (const [stage, trouble] of await through(unit)) {
          if (trouble === undefined) {
            counts.set(stage, (counts.get(stage) ?? 0) + 1)
            continue
          }
          const why = explainApply({ unit: unit.name, stage, trouble })
          if (why === undefined) unexplained.push(`${unit.name}, ${stage}: ${trouble.slice(0, 1500)}`)
          else explained.set(why, [...(explained.get(why) ?? []), `${unit.name}, ${stage}`])
          if (process.env.FW_FINDINGS !== undefined)
            process.stderr.write(`${unit.name}, ${stage}: ${why ?? trouble.slice(0, 1500)}\n`)
        }
      const told = [...counts].map(([stage, count]) => `${count} ${stage}`).join(", ")
      process.stderr.write(`${corpus} through fw-apply: of ${units.length}: ${told}\n`)
      for (const [why, where] of explained) process.stderr.write(`  ${where.length} explained: ${why}\n`)
      expect(unexplained).toEqual([])
    },
    3_600_000,
  )
})

/** Each stage that was reached, and what went wrong there, if anything did. */
async function through(unit: Unit): Promise<Map<Stage, string | undefined>> {
  const lab = new Lab()
  const found = new Map<Stage, string | undefined>()
  const host = (name: string): Host => {
    const made = lab.host(name)
    for (const device of new Set(["eth0", ...unit.devices]))
      made.try(["ip", "link", "add", device, "type", "veth", "peer", "name", `p-${device}`])
    return made
  }
  try {
    const text = unit.text(host("scratch"))
    if (text === undefined) return found
    const twin = host("twin")
    const path = join(lab.folder, "unit")
    writeFileSync(path, text)
    const run = twin.try(["sh", "-c", `${unit.program} ${path}`])
    if (run.code !== 0) return found.set("loaded", run.stderr)
    const wanted = rawViews(twin)
    if (rawDifferences(rawViews(host("empty")), wanted).size === 0) return found
    found.set("loaded", undefined)

    const machine = host("machine")
    const way = new WholeWay(lab, machine)
    const input = way.input(text)
    let plan: PlannedChange
    try {
      plan = await way.plan(input, false)
    } catch (thrown) {
      return found.set("planned", reasonOf(thrown))
    }
    found.set("planned", undefined)
    const differing = (from: Host): string | undefined => {
      const differences = [...rawDifferences(wanted, rawViews(from))].filter(
        ([view]) => !view.endsWith(", order"),
      )
      if (differences.length === 0) return undefined
      return differences.map(([view, lines]) => `${view}\n${lines.slice(0, 8).join("\n")}`).join("\n")
    }
    const printed = host("printed")
    const folder = join(lab.folder, "printed")
    printed.run(["mkdir", folder])
    let failed: string | undefined
    for (const file of ruleFiles(plan.candidate)) {
      writeFileSync(join(folder, file.name), file.text)
      const loaded = printed.try(["sh", "-ec", `cd ${folder}; ${file.load}`])
      if (loaded.code !== 0) failed ??= `${file.load}: ${loaded.stderr}`
    }
    found.set("printed", failed ?? differing(printed))

    const applied = plan.difference.changed ? await way.apply(plan) : undefined
    found.set("applied", applied !== undefined && "event" in applied ? applied.message : differing(machine))
    const again = await way.plan(input, false)
    found.set("unchanged", again.difference.changed ? JSON.stringify(again.difference) : undefined)
    return found
  } catch (thrown) {
    return found.set("applied", `threw: ${reasonOf(thrown)}`)
  } finally {
    await lab.close()
  }
}

/** A script of the rules that load here, which empties the chains that it writes first. */
function iptablesUnits(source: string): Unit[] {
  return batchesOf(source).map(({ name, program, before, commands, rules }) => ({
    name,
    devices: [],
    program: "sh",
    text: (host) => {
      const all = [...before, ...commands]
      const script = all.map((command, at) => `${command} && echo loaded ${at}`)
      const loaded = new Set(host.sh(["set +e", ...script, "true"].join("\n")).split("\n"))
      const kept = all.filter((_, at) => loaded.has(`loaded ${at}`))
      if (!kept.some((command) => commands.includes(command))) return undefined
      const chains = rules.map(({ table, chain }) => `${program} -t ${table} -F ${chain}`)
      const flushed = [`${program} -F INPUT`, ...new Set(chains)].filter(
        (command) => host.try(["sh", "-c", command]).code === 0,
      )
      return ["#!/bin/sh", ...flushed, ...kept, ""].join("\n")
    },
  }))
}

/** A ruleset that makes its tables anew. */
function nftablesUnits(source: string): Unit[] {
  return dumpsOf(source).map(({ name, text, devices }) => ({
    name,
    devices,
    program: "nft -f",
    text: () => {
      const tables = [...text.matchAll(/^table (\S+ \S+)/gm)].map(([, table]) => table)
      if (tables.length === 0) return undefined
      const anew = tables.map((table) => `add table ${table}\ndelete table ${table}\n`)
      return `#!/usr/sbin/nft -f\n${[...new Set(anew)].join("")}${text}`
    },
  }))
}
