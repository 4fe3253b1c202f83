/** The difference of a place where the same chains run in another order. */
const orderPrefix = "order at "

/** The name that differences use for a place where chains of several tables run: "order at ip input 0". */
export function orderWhere(place: string): string {
  return `${orderPrefix}${place}`
}

/** Tells whether it is only about the order of base chains. */
export function isOrder({ where }: Pick<Difference, "where">): boolean {
  return where.startsWith(orderPrefix)
}

/** One table or set in which two snapshots are not the same. */
export interface Difference {
  /** "nft ip filter", "iptables-legacy filter", "ipset blocked". */
  readonly where: string
  /** `missing`: only the first has it; `extra`: only the second; `unread`: one of them does not know. */
  readonly kind: "missing" | "extra" | "differs" | "unread"
  /** Lines that only the first has (`-`) and that only the second has (`+`), each with its chain or set; at most 40. */
  readonly lines: readonly string[]
}
