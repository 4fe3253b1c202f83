import { placedChains, registeredChains, sharedPlaces, tableOf } from "../../snapshot/hook-order.ts"
import { type NftTableCopy, tableId } from "../../snapshot/nft-table.ts"
import type { Snapshot } from "../../snapshot/snapshot.ts"

/** Tables that a restore makes anew, in the order in which it does; base chains are registered as they are made. */
export interface Registrations {
  /** By nft, in a transaction ahead of everything else. */
  readonly first: readonly NftTableCopy[]
  /** By iptables-restore and its kin. */
  readonly saves: readonly NftTableCopy[]
  /** By nft, in the transaction that everything else is in. */
  readonly last: readonly NftTableCopy[]
}

/** The order at a place that no restore can put back, and why. */
export interface LostOrder {
  readonly where: string
  readonly why: string
}

/**
 * Chains at one place run in the order of their registration, last first, whatever table they stand in. So a table that is made
 * anew moves to the front, and those that were in front of it have to be made anew behind it: in the same transaction, so
 * that no packet meets the rules in between.
 * @param planned the tables that have to be made anew anyway
 * @param force tells for a table that is as it should be, and has to be made anew for its place, how; undefined when it cannot
 * @returns the same and those that have to be made anew for their place
 */
export function inOrder(
  from: Snapshot,
  to: Snapshot,
  planned: Pick<Registrations, "saves" | "last">,
  force: (table: string) => NftTableCopy | undefined,
): Registrations & { readonly lost: readonly LostOrder[] } {
  // Nothing can be in front of a table that is not there and does not come.
  const coming = new Set([...from.nftTables, ...planned.saves, ...planned.last].map(tableId))
  const wanted = new Map(
    [...sharedPlaces(registeredChains(to))].map(([place, chains]) => [
      place,
      chains.filter((chain) => coming.has(tableOf(chain))),
    ]),
  )
  const lost = new Map<string, string>()
  const after = predecessors(wanted)
  let now: Registrations = { first: [], ...planned }
  for (let round = 0; ; round++) {
    const expected = registeredAfter(from, to, now)
    const place = [...wanted].find(
      ([name, chains]) => !lost.has(name) && firstWrong(chains, expected.get(name) ?? []) !== undefined,
    )
    if (place === undefined) return { ...now, lost: [...lost].map(([where, why]) => ({ where, why })) }
    const [name, chains] = place
    const next = movedBehind(now, chains, firstWrong(chains, expected.get(name) ?? []) ?? 0, force)
    if (typeof next === "string") lost.set(name, next)
    else if (round > mostRounds) lost.set(name, "two hooks want the tables in different orders")
    else now = { ...next, first: sorted(next.first, after), last: sorted(next.last, after) }
  }
}

/** By table, those that are registered right before it at some place. */
function predecessors(wanted: ReadonlyMap<string, readonly string[]>): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  for (const chains of wanted.values()) {
    const tables = [...new Set(chains.map(tableOf))]
    for (const [index, table] of tables.entries()) {
      const before = tables[index - 1]
      if (before !== undefined) found.set(table, (found.get(table) ?? new Set()).add(before))
    }
  }
  return found
}

/** The same tables, each behind those that come before it at some place; where that goes round in a circle, as they were. */
function sorted(
  copies: readonly NftTableCopy[],
  after: ReadonlyMap<string, ReadonlySet<string>>,
): readonly NftTableCopy[] {
  const left = new Map(copies.map((copy) => [tableId(copy), copy]))
  const done: NftTableCopy[] = []
  while (left.size > 0) {
    const next = [...left].find(([table]) => ![...(after.get(table) ?? [])].some((one) => left.has(one)))
    if (next === undefined) return copies
    left.delete(next[0])
    done.push(next[1])
  }
  return done
}

/** More than any order takes that tables made one behind the other can have. */
const mostRounds = 30

/** The place in the order from which on it is not as it should be; chains that are not wanted do not count. */
function firstWrong(wanted: readonly string[], expected: readonly string[]): number | undefined {
  const known = expected.filter((chain) => wanted.includes(chain))
  const there = wanted.filter((chain) => known.includes(chain))
  const at = there.findIndex((chain, index) => chain !== known[index])
  return at < 0 ? undefined : wanted.indexOf(there[at] ?? "")
}

/** The chains at each place when all of this has been made. */
function registeredAfter(from: Snapshot, to: Snapshot, now: Registrations): Map<string, string[]> {
  const anew = [...now.first, ...now.saves, ...now.last]
  const ids = new Set(anew.map(tableId))
  const kept = new Map(
    [...registeredChains(from)].map(([place, chains]) => [
      place,
      chains.filter((chain) => !ids.has(tableOf(chain))),
    ]),
  )
  const there = new Set([...kept.values()].flat())
  // Chains that come into tables that are changed in place come with the last transaction.
  const added = to.nftTables.filter((copy) => !ids.has(tableId(copy)))
  for (const copy of [...anew, ...added])
    for (const { chain, places } of placedChains(copy))
      if (!there.has(chain)) for (const place of places) kept.set(place, [...(kept.get(place) ?? []), chain])
  return kept
}

/** Makes the tables of these chains anew, from this place on, in this order; a reason when one of them cannot be. */
function movedBehind(
  now: Registrations,
  chains: readonly string[],
  wrong: number,
  force: (table: string) => NftTableCopy | undefined,
): Registrations | string {
  const tables = [...new Set(chains.slice(wrong).map(tableOf))]
  const all = [...now.first, ...now.saves, ...now.last]
  const copies: NftTableCopy[] = []
  for (const table of tables) {
    const copy = all.find((one) => tableId(one) === table) ?? force(table)
    if (copy === undefined) return `table ${table} cannot be made anew`
    copies.push(copy)
  }
  const isSave = (copy: NftTableCopy): boolean => copy.view === "iptables" || copy.view === "both"
  const save = copies.findIndex(isSave)
  const others = (list: readonly NftTableCopy[]): NftTableCopy[] =>
    list.filter((one) => !tables.includes(tableId(one)))
  const early = copies.slice(0, Math.max(save, 0))
  const late = copies.slice(save < 0 ? 0 : save + 1).filter((copy) => !isSave(copy))
  return {
    first: [...others(now.first), ...early],
    saves: [...others(now.saves), ...copies.filter(isSave)],
    last: [...others(now.last), ...late],
  }
}
