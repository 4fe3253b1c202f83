import { writeFileSync } from "node:fs"
import { join } from "node:path"
import fc, { type Arbitrary } from "fast-check"
import { InputRefused } from "../../../src/apply/rehearse.ts"
import { type RawViews, rawDifferences, rulesInForce } from "../../support/firewall/raw-views.ts"
import { type Host, Lab } from "../../support/lab/lab.ts"
import { WholeWay } from "../../support/whole-way.ts"
import { type Line, stateAndScript, takesWhole } from "./lines.ts"
import { marksOf, type Others, others, unmarked } from "./others.ts"

/** The ways in which an operator hands the same rules over. */
const forms = ["shell", "iptables-save", "nft", "ipset-save"] as const

/** What is in force, what an operator runs, and what other programs write meanwhile. */
export interface Case {
  readonly state: readonly Line[]
  readonly script: readonly Line[]
  readonly form: (typeof forms)[number]
  /** Between the rehearsal and the change. */
  readonly meanwhile: readonly Line[]
  /** Between the change and its revert. */
  readonly later: Others
}

export const anyCase: Arbitrary<Case> = fc
  .record({
    lines: stateAndScript,
    form: fc.oneof({ weight: 5, arbitrary: fc.constant("shell" as const) }, fc.constantFrom(...forms)),
    meanwhile: others.map(({ own }) => own.slice(0, 2)),
    later: others,
  })
  .map(({ lines, ...rest }) => ({ ...lines, ...rest }))

/** How a case ended that went well. */
export type End = "refused" | "unchanged" | "raced" | "reverted"

/** Goes the whole way with a case, and compares it with a machine on which the script simply runs. */
export async function goThrough(one: Case): Promise<End> {
  const lab = new Lab()
  try {
    return await new Trial(lab, one).run()
  } finally {
    await lab.close()
  }
}

class Trial {
  readonly #lab: Lab
  readonly #case: Case

  constructor(lab: Lab, one: Case) {
    this.#lab = lab
    this.#case = one
  }

  async run(): Promise<End> {
    const { meanwhile, later } = this.#case
    const scratch = this.#host("scratch")
    const state = tried(scratch, this.#lab, this.#case.state)
    const script = tried(scratch, this.#lab, this.#case.script)
    const twin = this.#host("twin", state)
    const before = rulesInForce(twin)
    const { text, load, replaceAll } = this.#input(scratch, script, state)
    load(twin)
    const wanted = rulesInForce(twin)

    const host = this.#host("machine", state)
    const way = new WholeWay(this.#lab, host)
    const input = way.input(text)
    let plan: Awaited<ReturnType<WholeWay["plan"]>>
    try {
      plan = await way.plan(input, replaceAll)
    } catch (thrown) {
      if (!(thrown instanceof InputRefused)) throw thrown
      this.#same("before, and refused", before, rulesInForce(host))
      throw new Error(`refused: ${thrown.message}`)
    }
    const differs = this.#differences(before, wanted).length > 0
    if (plan.difference.changed !== differs && !onlyOrder(before, wanted))
      throw new Error(`the plan says changed: ${plan.difference.changed}, and it is not so`)
    if (!plan.difference.changed) return "unchanged"

    tried(host, this.#lab, meanwhile)
    tried(twin, this.#lab, meanwhile)
    const applied = await way.apply(plan)
    if ("event" in applied) {
      if (applied.event !== "raced" || meanwhile.length === 0) throw new Error(JSON.stringify(applied))
      const others = this.#host("others", state)
      tried(others, this.#lab, meanwhile)
      this.#same("before and the writes of others, and raced", rulesInForce(others), rulesInForce(host))
      return "raced"
    }
    this.#same("behind the script and behind fw-apply", rulesInForce(twin), rulesInForce(host))

    tried(host, this.#lab, later.own)
    const others = this.#host("others", state)
    tried(others, this.#lab, [...meanwhile, ...later.own])
    const there = tried(others, this.#lab, later.shared)
    const written = tried(host, this.#lab, there)
    // Of a table that iptables cannot print, nft's listing leaves out what is in an extension.
    const marks = marksOf(written).filter((mark) => isIn(rulesInForce(host), mark))
    const failed = await way.revert(applied)
    if (failed !== undefined) throw new Error(`the revert: ${failed}`)
    const reverted = rulesInForce(host)
    const lost = marks.filter((mark) => !isIn(reverted, mark))
    if (lost.length > 0) throw new Error(`lost in the revert: ${lost.join(", ")}`)
    // What could be written into the rules as they were, and not into the changed ones, is not expected either.
    const expected = this.#host("expected", state)
    tried(expected, this.#lab, [...meanwhile, ...later.own, ...written])
    this.#same(
      "before, with the writes of others, and reverted",
      bare(rulesInForce(expected)),
      bare(reverted),
    )
    return "reverted"
  }

  #same(what: string, one: RawViews, other: RawViews): void {
    const differences = this.#differences(one, other)
    if (differences.length > 0) throw new Error(`${what}:\n${differences.join("\n")}`)
  }

  /**
   * The views that differ, each with its lines. Order that decides nothing is no difference: of tables, of chains, of sets. And what nft
   * lists of the extensions of iptables and its kin is a translation: loaded, it does the same, and their saves print such a table wrong
   * or not at all. fw-apply leaves what reads the same as it is, so there the listing alone is compared.
   */
  #differences(one: RawViews, other: RawViews): string[] {
    const isTranslated = (view: string): boolean =>
      this.#case.form === "nft" && view.includes("tables-nft-save")
    return [...rawDifferences(one, other)]
      .filter(([view]) => !view.endsWith(", order") && !isTranslated(view))
      .map(([view, lines]) => `${view}:\n${lines.join("\n")}`)
  }

  #host(name: string, state: readonly Line[] = []): Host {
    const host = this.#lab.host(name)
    host.sh("ip link add eth0 type veth peer name eth1")
    if (state.length > 0) host.sh(state.join("\n"))
    return host
  }

  /** What is handed over, and what loads it on a machine without fw-apply. */
  #input(
    scratch: Host,
    script: readonly Line[],
    state: readonly Line[],
  ): { text: string; load: (host: Host) => void; replaceAll: boolean } {
    const { form } = this.#case
    const shell = {
      text: `#!/bin/sh\n${script.join("\n")}\n`,
      load: (host: Host) => void host.sh(script.join("\n")),
    }
    if (form === "shell") return { ...shell, replaceAll: takesWhole(script) }
    const [dump, program] = {
      "iptables-save": ["iptables-save", "iptables-restore"],
      nft: ["echo flush ruleset; nft list ruleset", "nft -f"],
      "ipset-save": ["ipset save", "ipset -exist restore <"],
    }[form] as [string, string]
    const text = scratch.sh(dump)
    const path = join(this.#lab.folder, "dump")
    const flushed = text.replace(/^create (\S+) .*$/gm, "$&\nflush $1")
    writeFileSync(path, form === "ipset-save" ? flushed : text)
    const load = `${program} ${path}`
    const dry = this.#host("dry", state)
    if (text.trim() === "" || dry.try(["sh", "-ec", load]).code !== 0)
      return { ...shell, replaceAll: takesWhole(script) }
    return { text, load: (host) => void host.sh(load), replaceAll: form !== "ipset-save" }
  }
}

/** Runs lines one by one; those that failed are left out of what is returned. */
function tried(host: Host, lab: Lab, lines: readonly Line[]): readonly Line[] {
  if (lines.length === 0) return []
  const path = join(lab.folder, "tried.sh")
  const script = lines.map((line, at) => `( set -e\n${line}\n) >/dev/null 2>&1\n[ $? = 0 ] && echo ${at}`)
  writeFileSync(path, `${script.join("\n")}\ntrue\n`)
  const worked = new Set(host.run(["sh", path]).split("\n"))
  return lines.filter((_, at) => worked.has(`${at}`))
}

function isIn(views: RawViews, mark: string): boolean {
  return [...views.values()].some((view) => view.includes(mark))
}

function bare(views: RawViews): RawViews {
  return new Map([...views].map(([command, text]) => [command, unmarked(text)]))
}

function onlyOrder(one: RawViews, other: RawViews): boolean {
  return [...rawDifferences(one, other).keys()].every((view) => view.endsWith(", order"))
}
