/** How a rule can end, in any backend. `drop` stands for everything after which the packet does not go on here. */
export type Verdict =
  | { readonly kind: "drop" }
  | { readonly kind: "accept" }
  | { readonly kind: "return" }
  | { readonly kind: "jump" | "goto"; readonly chain: string }

/** A rule, reduced to what it can do to a packet. */
export interface JudgedRule<Rule> {
  readonly rule: Rule
  /** Every verdict it may give; empty when it only counts, logs or marks. */
  readonly verdicts: readonly Verdict[]
  /** True only when every packet that reaches it meets its verdict: no match in front of it. */
  readonly always: boolean
}

/** The rules of one table's chains, in order, by chain name; asked for once a chain, and only where a packet can get. */
export interface JudgedChains<Rule> {
  get(name: string): readonly JudgedRule<Rule>[] | undefined
}

/** The fates of packets that enter a base chain. */
export interface Judgement<Rule> {
  /** Rules that drop by themselves and that a packet can reach, each once. */
  readonly dropping: readonly Rule[]
  /** True when a packet can come to the end of the chain, where the policy decides. */
  readonly meetsPolicy: boolean
}

interface Walk<Rule> {
  readonly dropping: ReadonlySet<Rule>
  /** A packet can come back from here: by `return` or at the end. */
  readonly falls: boolean
}

/**
 * Follows a packet from the head of `start` through jumps and gotos. A match may or may not hold, so both cases are
 * followed; a rule behind an unconditional accept or drop is never reached.
 */
export function judge<Rule>(chains: JudgedChains<Rule>, start: string): Judgement<Rule> {
  const seen = new Map<string, Walk<Rule>>()
  const walk = (name: string): Walk<Rule> => {
    const known = seen.get(name)
    if (known) return known
    // The kernel refuses loops (nft_chain_validate, mark_source_chains); this only keeps a torn listing from hanging us.
    seen.set(name, { dropping: new Set(), falls: true })
    const dropping = new Set<Rule>()
    let falls = false
    let goesOn = true
    for (const { rule, verdicts, always } of chains.get(name) ?? []) {
      if (!goesOn) break
      let passes = !always || verdicts.length === 0
      for (const verdict of verdicts) {
        if (verdict.kind === "drop") dropping.add(rule)
        else if (verdict.kind === "return") falls = true
        else if (verdict.kind !== "accept") {
          const inner = walk(verdict.chain)
          for (const one of inner.dropping) dropping.add(one)
          if (inner.falls && verdict.kind === "goto") falls = true
          if (inner.falls && verdict.kind === "jump") passes = true
        }
      }
      goesOn = passes
    }
    const result = { dropping, falls: falls || goesOn }
    seen.set(name, result)
    return result
  }
  const { dropping, falls } = walk(start)
  return { dropping: [...dropping], meetsPolicy: falls }
}

/**
 * Targets of x_tables that can take a packet away, as iptables puts them into rules: iptables-extensions(8), and
 * xtables-addons(8) for the last three.
 */
export const droppingTargets: ReadonlySet<string> = new Set([
  "DROP",
  "REJECT",
  "QUEUE",
  "NFQUEUE",
  "SYNPROXY",
  "TARPIT",
  "DELUDE",
  "CHAOS",
])
