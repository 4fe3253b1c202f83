import { type Chain, openSection, openTable } from "../../firewall/merge/chains.ts"
import { tableId } from "../../firewall/snapshot/nft-table.ts"
import type { Snapshot } from "../../firewall/snapshot/snapshot.ts"
import { canonicalIpset } from "../../firewall/snapshot/text/ipset.ts"
import { toolNamed } from "../../firewall/tools/table.ts"
import type { InputWords } from "./input-words.ts"
import { isUnchanged } from "./kept.ts"

/**
 * Everything of a candidate that fw-apply has made, by this change or an earlier one: "ip filter gate", "inet gate", "ipset blocked".
 * A later input that empties all without naming these takes them away; everything else is somebody else's.
 * @param earlier the same of the changes before
 */
export function madeBy(
  before: Snapshot,
  candidate: Snapshot,
  { named }: InputWords,
  earlier: ReadonlySet<string>,
): string[] {
  const old = partsOf(before)
  return [...partsOf(candidate)].flatMap(([id, { table, same }]) => {
    const was = old.get(id)
    const isOurs = named.has(id) || named.has(table) || earlier.has(id) || was === undefined || !same(was)
    return isOurs ? [id] : []
  })
}

interface Part {
  readonly table: string
  readonly chain: Chain | undefined
  readonly text: string
  readonly same: (other: Part) => boolean
}

function partsOf({ nftTables, legacyTables, ipsets }: Snapshot): Map<string, Part> {
  const parts = new Map<string, Part>()
  const addChains = (table: string, chains: Iterable<Chain>): void => {
    for (const chain of chains) {
      const same = (other: Part): boolean => isUnchanged(chain, other.chain)
      parts.set(`${table} ${chain.name}`, { table, chain, text: "", same })
    }
  }
  for (const copy of nftTables) {
    const table = tableId(copy)
    if (copy.view === "nft") parts.set(table, { table, chain: undefined, text: "", same: () => true })
    addChains(table, openTable(copy).chains.values())
  }
  for (const { backend, section } of legacyTables)
    addChains(`legacy ${toolNamed(backend).family} ${section.table}`, openSection(section).chains.values())
  for (const set of ipsets) {
    const table = `ipset ${set.name}`
    const text = canonicalIpset(set, "ignored").join("\n")
    parts.set(table, { table, chain: undefined, text, same: (other) => other.text === text })
  }
  return parts
}
