import { appendFileSync } from "node:fs"
import { type Snapshot, takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { firewallOf, hostWith } from "../../support/firewall/lab-firewall.ts"
import { type Host, Lab } from "../../support/lab/lab.ts"
import { explain } from "./known-differences.ts"
import { type Before, type Differences, lookBefore, thereAndBack, ways } from "./ways.ts"

/** Rules that are loaded together, by a function that tells how many of them the kernel took. */
export interface Unit {
  readonly name: string
  load(host: Host, folder: string): number
}

/** The count of one corpus. */
export interface Count {
  readonly loaded: number
  readonly compared: number
  readonly equal: number
  /** By the explanation, the units that differ for it. */
  readonly explained: ReadonlyMap<string, readonly string[]>
  readonly unexplained: readonly string[]
}

/** Loads each unit into a namespace of its own, takes it away and brings it back in every way. */
export async function compareAll(corpus: string, units: readonly Unit[]): Promise<Count> {
  const other = await changedRules()
  const explained = new Map<string, string[]>()
  const unexplained: string[] = []
  let [loaded, compared, equal] = [0, 0, 0]
  for (const unit of units.filter(({ name }) => name.includes(process.env.FW_ONLY ?? ""))) {
    const lab = new Lab()
    try {
      const host = hostWith(lab, "true")
      const count = unit.load(host, lab.folder)
      if (count === 0) continue
      loaded += count
      let before: Before | undefined
      for (const way of ways) {
        before ??= await lookBefore(host)
        compared += 1
        const differences = await thereAndBack(lab, host, way, { before, other })
        if (differences.size === 0) equal += 1
        else {
          reload(host, lab, unit)
          before = undefined
        }
        record(unit.name, way, differences)
        for (const [view, lines] of differences) {
          const why = explain({ unit: unit.name, way, view, lines })
          if (why === undefined)
            unexplained.push(`${unit.name}, ${way}, ${view}:\n${lines.slice(0, 12).join("\n")}`)
          else explained.set(why, [...(explained.get(why) ?? []), `${unit.name}, ${way}`])
        }
      }
      if (process.env.FW_FINDINGS !== undefined)
        process.stderr.write(`${unit.name}: ${count} loaded; ${equal} of ${compared} equal\n`)
    } finally {
      await lab.close()
    }
  }
  const count = { loaded, compared, equal, explained, unexplained }
  process.stderr.write(told(corpus, count))
  return count
}

function told(corpus: string, { loaded, compared, equal, explained, unexplained }: Count): string {
  return [
    `${corpus}: ${loaded} loaded; after reset and undo, flush and undo, change and rollback ${equal} of ${compared} equal`,
    ...[...explained].map(([why, where]) => `  ${new Set(where).size} explained: ${why}`),
    ...unexplained.map((one) => `  NOT explained: ${one}`),
    "",
  ].join("\n")
}

/** The rules of a change: tables that most rulesets have, with other rules. */
async function changedRules(): Promise<Snapshot> {
  const lab = new Lab()
  try {
    const script = "nft add table inet other; iptables-nft -P INPUT DROP; iptables-legacy -P FORWARD DROP"
    return await takeSnapshot(firewallOf(hostWith(lab, script)), "change")
  } finally {
    await lab.close()
  }
}

function reload(host: Host, lab: Lab, unit: Unit): void {
  host.sh(`
    nft flush ruleset
    for family in ip ip6; do
      for table in $(cat /proc/net/"$family"_tables_names); do
        case $family in ip) tool=iptables-legacy ;; ip6) tool=ip6tables-legacy ;; esac
        $tool -t $table -F
      done
    done
    if grep -q filter /proc/net/arp_tables_names; then arptables-legacy -F; fi`)
  unit.load(host, lab.folder)
}

function record(unit: string, way: string, differences: Differences): void {
  if (process.env.FW_FINDINGS === undefined || differences.size === 0) return
  const found = [...differences].map(([view, lines]) => ({ view, lines }))
  appendFileSync(process.env.FW_FINDINGS, `${JSON.stringify({ unit, way, differences: found })}\n`)
}
