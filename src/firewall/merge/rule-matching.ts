import { type ChainRule, stillIn } from "./chains.ts"

/** The rule of `now` that each rule of `own` has become: the one of the same text; several equal ones in their order. */
export function matched(own: readonly ChainRule[], now: readonly ChainRule[]): Map<ChainRule, ChainRule> {
  const pairs = new Map<ChainRule, ChainRule>()
  const taken = new Set<ChainRule>()
  // The save first: nft prints some extensions without what they are asked for. Its listing where one side has no save.
  for (const view of ["saved", "listed"] as const) {
    const left = new Map<string, ChainRule[]>()
    for (const rule of now.toReversed()) {
      const key = stillIn(rule, view)
      if (key === undefined || taken.has(rule)) continue
      const same = left.get(key)
      if (same === undefined) left.set(key, [rule])
      else same.push(rule)
    }
    for (const rule of own) {
      const key = stillIn(rule, view)
      if (key === undefined || pairs.has(rule)) continue
      const found = left.get(key)?.pop()
      if (found === undefined || (view === "listed" && isInBoth(rule, found))) continue
      pairs.set(rule, found)
      taken.add(found)
    }
  }
  return pairs
}

function isInBoth(a: ChainRule, b: ChainRule): boolean {
  return a.saved !== undefined && b.saved !== undefined
}

/** Tells whether two chains have the same rules in the same order, whatever they have counted. */
export function sameRules(a: readonly ChainRule[], b: readonly ChainRule[]): boolean {
  return (
    a.length === b.length &&
    a.every((rule, place) => {
      const other = b[place]
      return other !== undefined && isSame(rule, other)
    })
  )
}

/** Tells whether two rules are the same, whatever they have counted. */
export function isSame(a: ChainRule, b: ChainRule): boolean {
  const view = isInBoth(a, b) ? "saved" : "listed"
  return stillIn(a, view) === stillIn(b, view)
}
