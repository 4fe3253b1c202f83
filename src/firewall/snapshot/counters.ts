import { isSameInKernel, withoutSameTables } from "./nft/print.ts"
import { type NftTableCopy, nftWhere, tableId } from "./nft-table.ts"
import type { Snapshot } from "./snapshot.ts"
import type { IpsetCopy } from "./text/ipset.ts"
import { chainText, type NftBlock } from "./text/nft-text.ts"
import { chainNameOf, chainOfRule, type SaveSection } from "./text/save-text.ts"

/**
 * The rules of `rules` with what `counted` has counted, wherever a rule is the same: same table, same chain, same text
 * without counters; of several equal ones the first takes the count of the first, and so on. Policies, named counters,
 * quotas and the elements of IP sets likewise. What is new keeps the count that it has.
 */
export function withCounters(rules: Snapshot, counted: Snapshot): Snapshot {
  const tables = new Map(counted.nftTables.map((copy) => [tableId(copy), copy]))
  const sections = new Map(
    counted.legacyTables.map((one) => [`${one.backend} ${one.section.table}`, one.section]),
  )
  const sets = new Map(counted.ipsets.map((set) => [set.name, set]))
  return {
    ...rules,
    ipsets: rules.ipsets.map((set) => countedSet(set, sets.get(set.name))),
    nftTables: rules.nftTables.map((copy) => countedTable(copy, tables.get(tableId(copy)))),
    legacyTables: rules.legacyTables.map((one) => ({
      ...one,
      section: countedSection(one.section, sections.get(`${one.backend} ${one.section.table}`)),
    })),
  }
}

/**
 * Tables and sets in which something has counted less than it had: what it had counted is lost, or somebody has zeroed it.
 * Compared where a rule stands in both at the same place.
 */
export function countsLost(before: Snapshot, after: Snapshot): string[] {
  const [old, next] = withoutSameTables(before, after)
  const now = new Map(countedLines(next))
  return countedLines(old).flatMap(([where, lines]) => {
    const others = now.get(where) ?? []
    const lost = lines.some((line, at) => {
      const other = others[at]
      return other !== undefined && other.still === line.still && other.packets < line.packets
    })
    return lost ? [where] : []
  })
}

interface Counted {
  readonly still: string
  readonly packets: number
}

function countedLines({ nftTables, legacyTables }: Snapshot): [string, Counted[]][] {
  const saved = (section: SaveSection): Counted[] =>
    section.rules.map((rule) => ({ still: stillSaved(rule), packets: Number(/^\[(\d+):/.exec(rule)?.[1]) }))
  const listed = (blocks: readonly NftBlock[]): Counted[] =>
    blocks
      .flatMap((block) =>
        block.kind === "chain" ? chainText(block).rules.map((rule) => `${block.name} ${rule}`) : [],
      )
      .map((rule) => ({ still: stillListed(rule), packets: Number(/\bpackets (\d+) bytes/.exec(rule)?.[1]) }))
  return [
    ...nftTables.map((copy): [string, Counted[]] => [
      nftWhere(copy),
      copy.listed === undefined
        ? copy.saved === undefined
          ? []
          : saved(copy.saved)
        : listed(copy.listed.blocks),
    ]),
    ...legacyTables.map(({ backend, section }): [string, Counted[]] => [
      `${backend} ${section.table}`,
      saved(section),
    ]),
  ]
}

/** A rule of a save without its counters. */
export function stillSaved(rule: string): string {
  return rule.replace(/^\[\d+:\d+\] /, "")
}

/** A rule of a listing with its counters and used quotas masked. */
export function stillListed(rule: string): string {
  return rule.replace(/\bpackets \d+ bytes \d+/g, "packets * bytes *").replace(/ used \d+ \w+/g, "")
}

function countedTable(copy: NftTableCopy, old: NftTableCopy | undefined): NftTableCopy {
  if (old === undefined) return copy
  if (isSameInKernel(copy, old)) return old
  const { listed, saved } = copy
  const blocks = new Map(old.listed?.blocks.map((block) => [`${block.kind} ${block.name}`, block]))
  return {
    ...copy,
    listed: listed && {
      ...listed,
      blocks: listed.blocks.map((block) => countedBlock(block, blocks.get(`${block.kind} ${block.name}`))),
    },
    saved: saved && countedSection(saved, old.saved),
  }
}

function countedBlock(block: NftBlock, old: NftBlock | undefined): NftBlock {
  if (old === undefined) return block
  if (block.kind === "counter" || block.kind === "quota") {
    const still = ({ lines }: NftBlock): string => stillListed(lines.join("\n"))
    return still(block) === still(old) ? old : block
  }
  if (block.kind !== "chain") return block
  const { declaration, rules } = chainText(block)
  const counted = takeOver(rules, chainText(old).rules, stillListed)
  return { ...block, lines: [...declaration, ...counted.flatMap((rule) => `\t\t${rule}`.split("\n"))] }
}

function countedSection(section: SaveSection, old: SaveSection | undefined): SaveSection {
  if (old === undefined) return section
  const heads = new Map(old.chains.map((line) => [stillHead(line), line]))
  const key = (rule: string): string => stillSaved(rule)
  const names = new Set(section.chains.map(chainNameOf))
  const kept = old.rules.filter((rule) => names.has(chainOfRule(rule)))
  return {
    ...section,
    chains: section.chains.map((line) => heads.get(stillHead(line)) ?? line),
    rules: takeOver(section.rules, kept, key),
  }
}

function stillHead(line: string): string {
  return line.replace(/ \[\d+:\d+\]$/, "")
}

function countedSet(set: IpsetCopy, old: IpsetCopy | undefined): IpsetCopy {
  if (old === undefined || !/ counters( |$)/.test(set.header)) return set
  const still = (element: string): string =>
    element.replace(/ packets \d+ bytes \d+/, "").replace(/ timeout \d+/, "")
  return { ...set, elements: takeOver(set.elements, old.elements, still) }
}

/** Each line as `old` has it, where `old` has one with the same key left. */
function takeOver(lines: readonly string[], old: readonly string[], key: (line: string) => string): string[] {
  const left = new Map<string, string[]>()
  for (const line of old.toReversed()) {
    const own = left.get(key(line))
    if (own === undefined) left.set(key(line), [line])
    else own.push(line)
  }
  return lines.map((line) => left.get(key(line))?.pop() ?? line)
}
