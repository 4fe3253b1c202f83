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

/** Both without the tables that are known to be the same in both. */
export function withoutSameTables<T extends { readonly nftTables: readonly NftTableCopy[] }>(
  a: T,
  b: T,
): [T, T] {
  const others = new Map(b.nftTables.map((copy) => [tableId(copy), copy]))
  const same = a.nftTables.filter((copy) => {
    const other = others.get(tableId(copy))
    return other !== undefined && isSameInKernel(copy, other)
  })
  if (same.length === 0) return [a, b]
  const names = new Set(same.map(tableId))
  const rest = (one: T): T => {
    return { ...one, nftTables: one.nftTables.filter((copy) => !names.has(tableId(copy))) }
  }
  return [rest(a), rest(b)]
}

/** The tables of `of` that another side has just like that. */
export function sameTables<T extends { readonly nftTables: readonly NftTableCopy[] }>(
  of: T,
  other: T,
): { readonly nftTables: readonly NftTableCopy[] } {
  const names = new Set(withoutSameTables(of, other)[0].nftTables.map(tableId))
  return { nftTables: of.nftTables.filter((copy) => !names.has(tableId(copy))) }
}
