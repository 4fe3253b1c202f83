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

const changed = ({ lines }: Found): readonly string[] => lines.filter((line) => /^[-+]/.test(line))

/** "connlimit" and "recent" as kernel-bytes.py prints them. */
const maskNames = /636f6e6e6c696d6974|726563656e74/

/** Every difference that is known, with its reason. One that no longer occurs has to go from here: the tests fail over it. */
const known: Readonly<Record<"iptables" | "nftables", readonly Known[]>> = {
  iptables: [
    {
      why: "connlimit, recent: iptables fills 16 bytes with its own mask, and 4 with the one that it saves; IPv4 reads 4",
      is: (found) => found.view === "kernel bytes" && changed(found).every((line) => maskNames.test(line)),
    },
  ],
  nftables: [],
}

/** The reason for a difference; undefined for a new one. */
export function explain(found: Found): string | undefined {
  return [...known.iptables, ...known.nftables].find(({ is }) => is(found))?.why
}

/** All reasons that should be met in a corpus. */
export function reasons(corpus: keyof typeof known): string[] {
  return known[corpus].map(({ why }) => why)
}
