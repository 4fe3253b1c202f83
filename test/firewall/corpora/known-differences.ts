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
  /** It depends on the moment: not met is no fault. */
  readonly sometimes?: true
}

const changed = ({ lines }: Found): readonly string[] => lines.filter((line) => /^[-+]/.test(line))

/** "connlimit" and "recent" as kernel-bytes.py prints them. */
const maskNames = /636f6e6e6c696d6974|726563656e74/

const legacyPolicies = /^end: restored$|^left: counters of ip6?tables-legacy \w+: the policies /

/** Every difference that is known, with its reason. One that no longer occurs has to go from here: the tests fail over it. */
const known: Readonly<Record<"iptables" | "nftables", readonly Known[]>> = {
  iptables: [
    {
      why: "listing order: iptables-nft-restore makes chains of its own in its own order, and new tables go behind old ones; the order of base chains at a hook is kept, and no other decides anything",
      is: ({ view }) => view.endsWith(", order") && view !== "nft list hooks, order",
    },
    {
      why: "connlimit, recent: iptables fills 16 bytes with its own mask, and 4 with the one that it saves; IPv4 reads 4",
      is: (found) => found.view === "kernel bytes" && changed(found).every((line) => maskNames.test(line)),
    },
    {
      why: "libiptc counts the policy of a legacy chain anew when a rule comes into it, as an open's does: the report says so",
      is: ({ view, lines }) => view === "report" && lines.every((line) => legacyPolicies.test(line)),
    },
  ],
  nftables: [
    {
      why: "nft 1.0.6 prints the key of a map as [invalid type], and does not take it back: the proof says so; a reset only lets the table sleep, a flush by somebody else loses it",
      is: ({ unit }) => unit === "maps/dumps/typeof_maps_add_delete.nft",
    },
    {
      why: "the kernel itself takes an element away that counts connections, when it finds none (nft_connlimit_gc)",
      is: ({ unit, lines }) =>
        unit === "sets/dumps/0062set_connlimit_0.nft" &&
        lines.every((line) => !/^[-+]/.test(line) || line.includes("ct count over")),
      sometimes: true,
    },
  ],
}

/** The reason for a difference; undefined for a new one. */
export function explain(found: Found): string | undefined {
  return [...known.iptables, ...known.nftables].find(({ is }) => is(found))?.why
}

/** Reasons that have to be met in a corpus. */
export function reasons(corpus: keyof typeof known): string[] {
  return known[corpus].filter(({ sometimes }) => sometimes !== true).map(({ why }) => why)
}
