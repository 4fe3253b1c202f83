import { type NftTableCopy, tableId } from "../nft-table.ts"

/** The kernel's word on a table when it was read (kernel/tables.ts). */
export interface KernelPrint {
  /** Equal for tables with the same rules and elements, whatever they have counted. */
  readonly print: string
  /** By network namespace, its latest commit when the table was there: where it is still the latest, nobody has written since. */
  readonly commits: Readonly<Record<string, number>>
}

/**
 * The prints of the tables that were read. They belong to the very object: whatever is made of that, by a merge or a candidate, has
 * none.
 */
const prints = new WeakMap<NftTableCopy, KernelPrint>()

export function keepPrint(copy: NftTableCopy, { print, commits }: KernelPrint): void {
  prints.set(copy, { print, commits: { ...prints.get(copy)?.commits, ...commits } })
}

export function printOf(copy: NftTableCopy): KernelPrint | undefined {
  return prints.get(copy)
}

/** True for tables that are known to be the same but for what they have counted. False says nothing. */
export function isSameInKernel(a: NftTableCopy, b: NftTableCopy): boolean {
  const print = printOf(a)?.print
  return a === b || (print !== undefined && print === printOf(b)?.print)
}

interface WithTables {
  readonly nftTables: readonly NftTableCopy[]
}

/** The names of the tables that are known to be the same in both. */
function namesOfSame(a: WithTables, b: WithTables): ReadonlySet<string> {
  const others = new Map(b.nftTables.map((copy) => [tableId(copy), copy]))
  const same = a.nftTables.filter((copy) => {
    const other = others.get(tableId(copy))
    return other !== undefined && isSameInKernel(copy, other)
  })
  return new Set(same.map(tableId))
}

/** Both without the tables that are known to be the same in both. */
export function withoutSameTables<T extends WithTables>(a: T, b: T): [T, T] {
  const same = namesOfSame(a, b)
  const rest = (one: T): T => {
    return { ...one, nftTables: one.nftTables.filter((copy) => !same.has(tableId(copy))) }
  }
  return same.size === 0 ? [a, b] : [rest(a), rest(b)]
}

/** The tables of one that are known to be the same in the other. */
export function sameTables(one: WithTables, other: WithTables): WithTables {
  const same = namesOfSame(one, other)
  return { nftTables: one.nftTables.filter((copy) => same.has(tableId(copy))) }
}
