import fc from "fast-check"
import type { NftTableCopy } from "../../src/firewall/snapshot/nft-table.ts"
import { chooseView } from "../../src/firewall/snapshot/nft-table-view.ts"
import type { Snapshot } from "../../src/firewall/snapshot/snapshot.ts"
import { parseRuleset } from "../../src/firewall/snapshot/text/nft-text.ts"
import { parseSave, type SaveSection } from "../../src/firewall/snapshot/text/save-text.ts"

/** Rules by chain, with what each has counted: `{ INPUT: [["-j DROP", 3]] }`. */
export type MadeChains = Readonly<Record<string, readonly (readonly [rule: string, count: number])[]>>

const base = ["INPUT", "FORWARD", "OUTPUT"]

/** A filter table of iptables as a section of a save. */
export function madeSection(chains: MadeChains, policy = "ACCEPT"): SaveSection {
  const heads = Object.keys(chains).map((name) => `:${name} ${base.includes(name) ? policy : "-"} [0:0]`)
  const rules = Object.entries(chains).flatMap(([name, own]) =>
    own.map(([rule, count]) => `[${count}:${count * 60}] -A ${name} ${rule}`),
  )
  const [section] = parseSave(["*filter", ...heads, ...rules, "COMMIT"].join("\n"))
  if (section === undefined) throw new Error("no section")
  return section
}

/** The same as iptables-nft makes it, in both views. The listing's words are made up, and as good as any. */
export function madeTable(chains: MadeChains, policy = "ACCEPT"): NftTableCopy {
  const blocks = Object.entries(chains).flatMap(([name, own]) => [
    `\tchain ${name} {`,
    ...(base.includes(name)
      ? [`\t\ttype filter hook ${name.toLowerCase()} priority filter; policy ${policy.toLowerCase()};`]
      : []),
    ...own.map(([rule, count]) => {
      const target = /-j ([A-Z]+)$/.exec(rule)?.[1]
      const words = rule.replace(/-j (\S+)$/, "")
      const verdict = target?.toLowerCase() ?? `jump ${/-j (\S+)$/.exec(rule)?.[1]}`
      return `\t\t${words}counter packets ${count} bytes ${count * 60} ${verdict}`
    }),
    "\t}",
  ])
  const [listed] = parseRuleset(["table ip filter {", ...blocks, "}"].join("\n"))
  if (listed === undefined) throw new Error("no table")
  const saved = madeSection(chains, policy)
  const views = { listed, saved, xtRules: {} }
  return { family: "ip", name: "filter", ...views, owned: false, ...chooseView({ ...views, foreign: false }) }
}

export const emptySnapshot: Snapshot = {
  version: 1,
  takenAtMs: 0,
  reason: "made",
  ipsets: [],
  nftTables: [],
  legacyTables: [],
  unread: [],
}

/** These chains in iptables-nft and in iptables-legacy. */
export function madeSnapshot(chains: MadeChains, policy = "ACCEPT"): Snapshot {
  return {
    ...emptySnapshot,
    nftTables: [madeTable(chains, policy)],
    legacyTables: [{ backend: "iptables-legacy", section: madeSection(chains, policy) }],
  }
}

const foreignNames = ["DOCKER", "KUBE-SERVICES", "f2b-sshd"]
const ownNames = ["checks", "ssh"]

const ruleArb = (targets: readonly string[]): fc.Arbitrary<[string, number]> =>
  fc.tuple(
    fc
      .tuple(
        fc.constantFrom("", "-p tcp ", "-p udp ", "-s 192.0.2.7/32 "),
        fc.constantFrom("ACCEPT", "DROP", ...targets),
      )
      .map(([match, target]) => `${match}-j ${target}`),
    fc.nat(99),
  )

/** Chains as people and other programs leave them: some of both, with jumps to what is there. */
export const chainsArb: fc.Arbitrary<MadeChains> = fc
  .tuple(fc.subarray(foreignNames), fc.subarray(ownNames))
  .chain(([foreign, own]) =>
    fc.record(
      Object.fromEntries([
        ...[...base, ...own].map((name) => [
          name,
          fc.array(ruleArb(base.includes(name) ? [...foreign, ...own] : foreign), { maxLength: 6 }),
        ]),
        ...foreign.map((name) => [name, fc.array(ruleArb([]), { maxLength: 3 })]),
      ]) as Record<string, fc.Arbitrary<[string, number][]>>,
    ),
  )

export const policyArb = fc.constantFrom("ACCEPT", "DROP")
