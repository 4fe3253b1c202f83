/** One table or set in which two snapshots are not the same. */
export interface Difference {
  /** "nft ip filter", "iptables-legacy filter", "ipset blocked". */
  readonly where: string
  /** `missing`: only the first has it; `extra`: only the second; `unread`: one of them does not know. */
  readonly kind: "missing" | "extra" | "differs" | "unread"
  /** Lines that only the first has (`-`) and that only the second has (`+`), each with its chain or set; at most 40. */
  readonly lines: readonly string[]
}
