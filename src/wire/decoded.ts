/**
 * The reason why a packet is not for us. A value, never an exception: on the packet path most packets are not for us,
 * and that is not an error. `reason` is one of a fixed set of short kebab-case words, so that counting by
 * reason stays bounded.
 */
export interface Rejection {
  readonly stage:
    | "link"
    | "ipv4"
    | "ipv6"
    | "icmp"
    | "tcp"
    | "arp"
    | "neighbour"
    | "knock"
    | "screen"
    | "verify"
    | "fresh"
    | "plain"
  readonly reason: string
}

/** The outcome of one rejecting step. */
export type Rejected = { readonly ok: false; readonly rejection: Rejection }

/** The result of a decoder: the value, or why there is none. */
export type Decoded<T> = { readonly ok: true; readonly value: T } | Rejected

/**
 * Makes a rejection. Meant for module level: a flood of rejected packets then allocates nothing for its verdicts.
 *
 * @param reason a literal; never text that came from a packet
 */
export function rejected(stage: Rejection["stage"], reason: string): Rejected {
  return Object.freeze({ ok: false, rejection: Object.freeze({ stage, reason }) })
}

/** Wraps what a decoder found. */
export function decoded<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value }
}
