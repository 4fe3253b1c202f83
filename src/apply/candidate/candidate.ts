import { closeSection, closeTable, openSection, openTable } from "../../firewall/merge/chains.ts"
import { withCounters } from "../../firewall/snapshot/counters.ts"
import { type LegacyTableCopy, legacyBuiltinChains } from "../../firewall/snapshot/legacy-tables.ts"
import { isSameInKernel } from "../../firewall/snapshot/nft/print.ts"
import { expectedChains, type NftTableCopy, tableId } from "../../firewall/snapshot/nft-table.ts"
import type { Snapshot } from "../../firewall/snapshot/snapshot.ts"
import { canonicalIpset, type IpsetCopy, ipsetType, usesIpset } from "../../firewall/snapshot/text/ipset.ts"
import { canonicalTable } from "../../firewall/snapshot/text/nft-canonical.ts"
import { emptySection, isEmptySection } from "../../firewall/snapshot/text/save-text.ts"
import { toolNamed } from "../../firewall/tools/table.ts"
import { type ChainRules, keepChains } from "./keep-chains.ts"
import type { Kept } from "./kept.ts"

/** The rules to apply. */
export interface Candidate {
  readonly snapshot: Snapshot
  /**
   * The chains, tables and sets that the input would have removed or changed without naming them, and that stay: "ip filter
   * DOCKER", "inet firewalld", "ipset f2b-sshd".
   */
  readonly kept: readonly string[]
}

/**
 * Makes the rules to apply of what the input left in the copy: puts back what the input did not mean, and keeps the counters of the
 * rules that stay. A table that a running program owns, and one that no tool can load, stays as it is, whatever the input did in
 * the copy.
 * @param before what is in force
 * @param result what the copy held when the input had run in it
 * @param keeping undefined with --replace-all: then nothing is put back
 */
export function candidateFrom(before: Snapshot, result: Snapshot, keeping: Kept | undefined): Candidate {
  const kept: string[] = []
  const nftTables = mergedNft(before, result, keeping, kept)
  const legacyTables = keeping ? mergedLegacy(before, result, keeping, kept) : result.legacyTables
  const ipsets = mergedSets(before, result, { nftTables, legacyTables }, keeping, kept)
  const unread = new Map([...result.unread, ...before.unread].map((one) => [one.where, one]))
  const merged: Snapshot = { ...result, ipsets, nftTables, legacyTables, unread: [...unread.values()] }
  return { snapshot: withCounters(merged, before), kept }
}

function mergedNft(
  before: Snapshot,
  result: Snapshot,
  keeping: Kept | undefined,
  kept: string[],
): NftTableCopy[] {
  const results = new Map(result.nftTables.map((copy) => [tableId(copy), copy]))
  const merged = new Map(results)
  for (const copy of before.nftTables) {
    const id = tableId(copy)
    const now = results.get(id)
    if (now !== undefined && isSameInKernel(copy, now)) continue
    // The copy never held these two.
    if (copy.owned || copy.view === "none") merged.set(id, copy)
    else if (keeping === undefined) continue
    else if (!keeping.isTouched(id) && (keeping.isForeign(id) || (now === undefined && isSomething(copy)))) {
      if (now === undefined || !sameRules(copy, now)) kept.push(id)
      merged.set(id, copy)
    } else if (!keeping.isForeign(id)) {
      const left = now ?? emptied(copy)
      // In nft each program has tables of its own: whoever makes one means all of it. Those of iptables are everybody's.
      const isOwn = copy.view === "nft" && (now !== undefined || keeping.isTouched(id))
      const found = keepChains(openTable(copy), openTable(left), chainRules(keeping, id, isOwn))
      if (found === undefined) continue
      merged.set(id, closeTable(left, found.table))
      kept.push(...found.kept.map((chain) => `${id} ${chain}`))
    }
  }
  return [...merged.values()]
}

function chainRules(keeping: Kept, table: string, isOwn: boolean): ChainRules {
  return {
    isKept: (own, now) => keeping.chain(table, own, now, isOwn),
    wasEmptied: (chain) => keeping.wasEmptied(table, chain),
  }
}

/** A table of iptables whose chains are all as they are born says nothing. */
function isSomething({ view, listed, saved }: NftTableCopy): boolean {
  if (view === "iptables" && saved !== undefined) return !isEmptySection(saved)
  return listed !== undefined
}

/** A table without anything in it, for the rules of other programs when the input has removed the table. */
function emptied(copy: NftTableCopy): NftTableCopy {
  const { listed, saved } = copy
  return {
    ...copy,
    listed: listed && { ...listed, attributes: [], blocks: [] },
    // A save names all built-in chains, there or not.
    saved: saved && emptySection(copy.name, expectedChains(copy) ?? []),
    xtRules: {},
  }
}

function sameRules(a: NftTableCopy, b: NftTableCopy): boolean {
  if (a.listed === undefined || b.listed === undefined) return false
  return canonicalTable(a.listed, "ignored").join("\n") === canonicalTable(b.listed, "ignored").join("\n")
}

function mergedLegacy(before: Snapshot, result: Snapshot, keeping: Kept, kept: string[]): LegacyTableCopy[] {
  const idOf = ({ backend, section }: LegacyTableCopy): string => `${backend} ${section.table}`
  const merged = new Map(result.legacyTables.map((one) => [idOf(one), one]))
  for (const one of before.legacyTables) {
    const id = `legacy ${toolNamed(one.backend).family} ${one.section.table}`
    const now = merged.get(idOf(one))
    const { table } = one.section
    const left = now?.section ?? emptySection(table, legacyBuiltinChains(one.backend, table))
    const found = keepChains(openSection(one.section), openSection(left), chainRules(keeping, id, false))
    if (found === undefined) continue
    merged.set(idOf(one), { ...one, section: closeSection(table, found.table) })
    kept.push(...found.kept.map((chain) => `${id} ${chain}`))
  }
  return [...merged.values()]
}

/** The sets that stay, and those that a rule put back needs. */
function mergedSets(
  before: Snapshot,
  result: Snapshot,
  tables: Pick<Snapshot, "nftTables" | "legacyTables">,
  keeping: Kept | undefined,
  kept: string[],
): IpsetCopy[] {
  const merged = new Map(result.ipsets.map((set) => [set.name, set]))
  const rules = [
    ...tables.nftTables.flatMap(({ saved }) => saved?.rules ?? []),
    ...tables.legacyTables.flatMap(({ section }) => section.rules),
  ]
  for (const set of before.ipsets) {
    const now = merged.get(set.name)
    const stays = keeping?.set(set.name, now === undefined || now.elements.length === 0) === true
    const isNeeded = now === undefined && rules.some((rule) => usesIpset(rule, new Set([set.name])))
    if (!stays && !isNeeded) continue
    if (now !== undefined && canonicalIpset(set, "ignored").join() === canonicalIpset(now, "ignored").join())
      continue
    merged.set(set.name, set)
    kept.push(`ipset ${set.name}`)
  }
  // A list of sets needs its members.
  for (const [, set] of merged)
    if (ipsetType(set) === "list:set")
      for (const member of set.elements) {
        const needed = before.ipsets.find(({ name }) => name === member.split(" ")[0])
        if (needed !== undefined && !merged.has(needed.name)) merged.set(needed.name, needed)
      }
  return [...merged.values()]
}
