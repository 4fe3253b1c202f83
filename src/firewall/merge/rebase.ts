import { compareSnapshots } from "../snapshot/compare.ts"
import { isOrder } from "../snapshot/difference.ts"
import { registeredChains, sharedPlaces } from "../snapshot/hook-order.ts"
import { type LegacyTableCopy, legacyBuiltinChains } from "../snapshot/legacy-tables.ts"
import { type NftTableCopy, nftWhere } from "../snapshot/nft-table.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import { canonicalIpset, type IpsetCopy, stillElement } from "../snapshot/text/ipset.ts"
import { isMoving } from "../snapshot/text/nft-canonical.ts"
import { emptySection } from "../snapshot/text/save-text.ts"
import { markedAlike } from "../snapshot/written-sets.ts"
import { type BothChanged, mergeChains } from "./chain-merge.ts"
import { closeSection, closeTable, openSection, openTable } from "./chains.ts"
import { mergeElements } from "./elements.ts"
import { merged, namesOf, type ThreeWay } from "./three-way.ts"

/** Rules with two changes in them, and the places that both had changed. */
export interface Rebased {
  readonly snapshot: Snapshot
  /** "nft ip filter INPUT", "ipset blocked". */
  readonly conflicts: readonly string[]
}

/**
 * Our change, made to what is in force now: what we have changed is as we want it, everything else as others have made it
 * since. A table, chain or set that one side alone has changed is that side's.
 * @param from the rules that our change began from
 * @param to those that it leads to
 * @param inForce those that others have made of it
 * @param both what becomes of a chain that both sides have changed
 */
export function rebase(from: Snapshot, to: Snapshot, inForce: Snapshot, both: BothChanged): Rebased {
  const [base, ours, theirs] = markedAlike(from, to, inForce)
  const conflicts: string[] = []
  const nftTables = mergeAll(
    byWhere(base.nftTables, nftWhere),
    byWhere(ours.nftTables, nftWhere),
    byWhere(theirs.nftTables, nftWhere),
    (one, where) => {
      const apart = (): NftTableCopy | undefined => mergeTable(one, where, both, conflicts)
      // What packets have put into its sets is theirs, and makes no difference between two looks.
      return isChanged(one) && one.theirs?.listed?.blocks.some(isMoving)
        ? apart()
        : merged(one, sameTable, apart)
    },
  )
  const legacyTables = mergeAll(
    byWhere(base.legacyTables, legacyWhere),
    byWhere(ours.legacyTables, legacyWhere),
    byWhere(theirs.legacyTables, legacyWhere),
    (one, where) => merged(one, sameLegacy, () => mergeLegacy(one, where, both, conflicts)),
  )
  const ipsets = mergeAll(
    byWhere(base.ipsets, setWhere),
    byWhere(ours.ipsets, setWhere),
    byWhere(theirs.ipsets, setWhere),
    (one, where) => merged(one, sameSet, () => mergeSet(one, where, both, conflicts)),
  )
  const moves = compareSnapshots(base, ours, "ignored").some(isOrder)
  const { hooks: _, ...rest } = theirs
  const snapshot: Snapshot = {
    ...rest,
    ...(moves || theirs.hooks === undefined ? {} : { hooks: theirs.hooks }),
    nftTables: moves ? inOrderOf(ours, nftTables) : nftTables,
    legacyTables,
    ipsets,
    reason: ours.reason,
    ...(ours.made === undefined ? {} : { made: ours.made }),
  }
  return { snapshot, conflicts }
}

const legacyWhere = ({ backend, section }: LegacyTableCopy): string => `${backend} ${section.table}`
const setWhere = ({ name }: IpsetCopy): string => `ipset ${name}`

function byWhere<T>(all: readonly T[], where: (one: T) => string): ReadonlyMap<string, T> {
  return new Map(all.map((one) => [where(one), one]))
}

function mergeAll<T>(
  base: ReadonlyMap<string, T>,
  ours: ReadonlyMap<string, T>,
  theirs: ReadonlyMap<string, T>,
  merge: (one: ThreeWay<T>, where: string) => T | undefined,
): T[] {
  return namesOf(theirs, ours).flatMap((where) => {
    const one = { base: base.get(where), ours: ours.get(where), theirs: theirs.get(where) }
    return merge(one, where) ?? []
  })
}

/** Tables are compared as snapshots are: whatever decides nothing is the same. */
function alone(part: Partial<Snapshot>): Snapshot {
  return {
    version: 1,
    takenAtMs: 0,
    reason: "",
    ipsets: [],
    nftTables: [],
    legacyTables: [],
    unread: [],
    ...part,
  }
}

function sameTable(a: NftTableCopy, b: NftTableCopy): boolean {
  return compareSnapshots(alone({ nftTables: [a] }), alone({ nftTables: [b] }), "ignored").length === 0
}

/** True for a table that our change leaves there, and not as it was. */
function isChanged({ base, ours }: ThreeWay<NftTableCopy>): boolean {
  return ours !== undefined && base !== undefined && !sameTable(base, ours)
}

function sameLegacy(a: LegacyTableCopy, b: LegacyTableCopy): boolean {
  return compareSnapshots(alone({ legacyTables: [a] }), alone({ legacyTables: [b] }), "ignored").length === 0
}

function sameSet(a: IpsetCopy, b: IpsetCopy): boolean {
  return canonicalIpset(a, "ignored").join("\n") === canonicalIpset(b, "ignored").join("\n")
}

function mergeTable(
  { base, ours, theirs }: ThreeWay<NftTableCopy>,
  where: string,
  both: BothChanged,
  conflicts: string[],
): NftTableCopy | undefined {
  const shape = theirs ?? ours
  if (shape === undefined) return undefined
  const open = (copy: NftTableCopy | undefined): ReturnType<typeof openTable> | undefined =>
    copy && openTable(copy)
  const { table, conflicts: inIt } = mergeChains(
    { base: open(base), ours: open(ours), theirs: open(theirs) },
    both,
  )
  conflicts.push(...inIt.map((name) => `${where} ${name}`))
  // A table that one side has removed stays only for what the other one has put into it.
  if ((ours === undefined || theirs === undefined) && table.chains.size === 0 && table.others.length === 0)
    return undefined
  const flags = { base: flagsOf(base), ours: flagsOf(ours), theirs: flagsOf(theirs) }
  const attributes = merged(
    flags,
    (a, b) => a.toSorted().join() === b.toSorted().join(),
    () => {
      if (both === "refuse") conflicts.push(`${where} flags`)
      return both === "refuse" ? flags.ours : flags.theirs
    },
  )
  const { listed } = shape
  // A side that has no table has none of its flags either.
  return closeTable(
    listed === undefined ? shape : { ...shape, listed: { ...listed, attributes: attributes ?? [] } },
    table,
  )
}

/** The flags and the comment of a table, such as those that switch its hooks off. */
function flagsOf(copy: NftTableCopy | undefined): readonly string[] | undefined {
  return copy?.listed?.attributes
}

function mergeLegacy(
  { base, ours, theirs }: ThreeWay<LegacyTableCopy>,
  where: string,
  both: BothChanged,
  conflicts: string[],
): LegacyTableCopy | undefined {
  const shape = theirs ?? ours
  if (shape === undefined) return undefined
  // A legacy table that was not there is one without rules: it cannot be removed.
  const { table: name } = shape.section
  const none = emptySection(name, legacyBuiltinChains(shape.backend, name))
  const open = (copy: LegacyTableCopy | undefined): ReturnType<typeof openSection> =>
    openSection(copy?.section ?? none)
  const { table, conflicts: inIt } = mergeChains(
    { base: open(base), ours: open(ours), theirs: open(theirs) },
    both,
  )
  conflicts.push(...inIt.map((name) => `${where} ${name}`))
  return { ...shape, section: closeSection(shape.section.table, table) }
}

/** The elements that others have added or taken away, in the set as we want it. */
function mergeSet(
  { base, ours, theirs }: ThreeWay<IpsetCopy>,
  where: string,
  both: BothChanged,
  conflicts: string[],
): IpsetCopy | undefined {
  if (base === undefined || ours === undefined || theirs === undefined || ours.header !== theirs.header) {
    if (both === "refuse") conflicts.push(where)
    return both === "refuse" ? ours : theirs
  }
  const elements = { base: base.elements, ours: ours.elements, theirs: theirs.elements }
  return { ...ours, elements: mergeElements(elements, stillElement) }
}

/** The order that our change gives to base chains at one hook. */
function inOrderOf(ours: Snapshot, tables: readonly NftTableCopy[]): NftTableCopy[] {
  const moved = new Set([...sharedPlaces(registeredChains(ours)).values()].flat())
  if (moved.size === 0) return [...tables]
  const order = new Map(ours.nftTables.map((copy, place) => [nftWhere(copy), place]))
  const place = (copy: NftTableCopy): number => order.get(nftWhere(copy)) ?? -1
  return [...tables].sort((a, b) => place(a) - place(b))
}
