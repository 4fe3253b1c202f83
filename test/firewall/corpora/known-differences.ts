import type { Way } from "./ways.ts"

/** One view of one unit that is not as it was. */
export interface Found {
  readonly unit: string
  readonly way: Way
  readonly view: string
  readonly lines: readonly string[]
}

interface Known {
  /** One line: why it is so, and why it stays so. */
  readonly why: string
  readonly is: (found: Found) => boolean
}

/** Every difference that is known, with its reason. One that no longer occurs has to go from here: the tests fail over it. */
const known: Readonly<Record<"iptables" | "nftables", readonly Known[]>> = { iptables: [], nftables: [] }

/** The reason for a difference; undefined for a new one. */
export function explain(found: Found): string | undefined {
  return [...known.iptables, ...known.nftables].find(({ is }) => is(found))?.why
}

/** All reasons that should be met in a corpus. */
export function reasons(corpus: keyof typeof known): string[] {
  return known[corpus].map(({ why }) => why)
}
