import { closeSection, closeTable, openSection, openTable } from "../../firewall/merge/chains.ts"
import { withCounters } from "../../firewall/snapshot/counters.ts"
import { type LegacyTableCopy, legacyBuiltinChains } from "../../firewall/snapshot/legacy-tables.ts"
import { expectedChains, type NftTableCopy, tableId } from "../../firewall/snapshot/nft-table.ts"
import type { Snapshot } from "../../firewall/snapshot/snapshot.ts"
import { canonicalIpset, type IpsetCopy, ipsetType, usesIpset } from "../../firewall/snapshot/text/ipset.ts"
import { canonicalTable } from "../../firewall/snapshot/text/nft-canonical.ts"
import { emptySection } from "../../firewall/snapshot/text/save-text.ts"
import { toolNamed } from "../../firewall/tools/table.ts"
import { isForeignSet, isForeignTable } from "./foreign-names.ts"
import { keepForeign } from "./keep-foreign.ts"

/** The rules to apply. */
export interface Candidate {
  readonly snapshot: Snapshot
  /**
   * The chains, tables and sets of other programs that the input would have removed or changed and that stay: "ip filter
   * DOCKER", "inet firewalld", "ipset f2b-sshd".
   */
  readonly keptForeign: readonly string[]
}

/**
 * Makes the rules to apply of what the input left in the copy: puts the rules of other programs back that the input did
 * not mean, and keeps the counters of the rules that stay. A table that a running program owns, and one that no tool can
 * load, stays as it is, whatever the input did in the copy.
 * @param before what is in force
 * @param result what the copy held when the input had run in it
 * @param named chains that the input itself named, "ip filter DOCKER" ("legacy ip filter DOCKER"); a table
 *   ("inet f2b-table") or a set ("ipset f2b-sshd") stands for all of it
 */
export function candidateFrom(
  before: Snapshot,
  result: Snapshot,
  named: ReadonlySet<string>,
  options: { readonly replaceAll: boolean },
): Candidate {
  const kept: string[] = []
  const isMeant = (id: string): boolean => options.replaceAll || named.has(id)
  const nftTables = mergedNft(before, result, isMeant, { ...options, named }, kept)
  const legacyTables = options.replaceAll ? result.legacyTables : mergedLegacy(before, result, isMeant, kept)
  const ipsets = mergedSets(before, result, { nftTables, legacyTables }, isMeant, kept)
  const unread = new Map([...result.unread, ...before.unread].map((one) => [one.where, one]))
  const merged: Snapshot = { ...result, ipsets, nftTables, legacyTables, unread: [...unread.values()] }
  return { snapshot: withCounters(merged, before), keptForeign: kept }
}

type IsMeant = (id: string) => boolean

function mergedNft(
  before: Snapshot,
  result: Snapshot,
  isMeant: IsMeant,
  { replaceAll, named }: { readonly replaceAll: boolean; readonly named: ReadonlySet<string> },
  kept: string[],
): NftTableCopy[] {
  const results = new Map(result.nftTables.map((copy) => [tableId(copy), copy]))
  const merged = new Map(results)
  for (const copy of before.nftTables) {
    const id = tableId(copy)
    const now = results.get(id)
    // The copy never held these two.
    if (copy.owned || copy.view === "none") merged.set(id, copy)
    else if (replaceAll) continue
    else if (isForeignTable(copy.name)) {
      // It or a chain in it.
      if ([...named].some((one) => `${one} `.startsWith(`${id} `))) continue
      if (now === undefined || !sameRules(copy, now)) kept.push(id)
      merged.set(id, copy)
    } else {
      const own = openTable(copy)
      const left = now ?? emptied(copy)
      const found = keepForeign(own, openTable(left), (chain) => isMeant(`${id} ${chain}`))
      if (found === undefined) continue
      merged.set(id, closeTable(left, found.table))
      kept.push(...found.kept.map((chain) => `${id} ${chain}`))
    }
  }
  return [...merged.values()]
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

function mergedLegacy(
  before: Snapshot,
  result: Snapshot,
  isMeant: IsMeant,
  kept: string[],
): LegacyTableCopy[] {
  const idOf = ({ backend, section }: LegacyTableCopy): string => `${backend} ${section.table}`
  const merged = new Map(result.legacyTables.map((one) => [idOf(one), one]))
  for (const one of before.legacyTables) {
    const id = `legacy ${toolNamed(one.backend).family} ${one.section.table}`
    const now = merged.get(idOf(one))
    const { table } = one.section
    const left = now?.section ?? emptySection(table, legacyBuiltinChains(one.backend, table))
    const found = keepForeign(openSection(one.section), openSection(left), (chain) =>
      isMeant(`${id} ${chain}`),
    )
    if (found === undefined) continue
    merged.set(idOf(one), { ...one, section: closeSection(table, found.table) })
    kept.push(...found.kept.map((chain) => `${id} ${chain}`))
  }
  return [...merged.values()]
}

/** The sets of other programs, and those that a rule put back needs. */
function mergedSets(
  before: Snapshot,
  result: Snapshot,
  tables: Pick<Snapshot, "nftTables" | "legacyTables">,
  isMeant: IsMeant,
  kept: string[],
): IpsetCopy[] {
  const merged = new Map(result.ipsets.map((set) => [set.name, set]))
  const rules = [
    ...tables.nftTables.flatMap(({ saved }) => saved?.rules ?? []),
    ...tables.legacyTables.flatMap(({ section }) => section.rules),
  ]
  for (const set of before.ipsets) {
    const now = merged.get(set.name)
    const isForeign = isForeignSet(set.name) && !isMeant(`ipset ${set.name}`)
    const isNeeded = now === undefined && rules.some((rule) => usesIpset(rule, new Set([set.name])))
    if (!isForeign && !isNeeded) continue
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
