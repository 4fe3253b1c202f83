import { elementTexts, stillElement, withElements } from "../snapshot/text/nft-canonical.ts"
import type { NftBlock } from "../snapshot/text/nft-text.ts"
import type { ThreeWay } from "./three-way.ts"

/**
 * The elements of a set as we want them, with those that others have put in since, and without those that they have taken out.
 * @param still the part of an element that does not move by itself
 */
export function mergeElements(
  { base, ours, theirs }: Record<keyof ThreeWay<never>, readonly string[]>,
  still: (element: string) => string,
): string[] {
  const set = (elements: readonly string[]): Set<string> => new Set(elements.map(still))
  const [was, own, now] = [set(base), set(ours), set(theirs)]
  const kept = ours.filter((element) => now.has(still(element)) || !was.has(still(element)))
  const added = theirs.filter((element) => !was.has(still(element)) && !own.has(still(element)))
  return [...kept, ...added]
}

/**
 * The same for a set or map of nft.
 * @returns undefined where more than elements differs, or where one side does not have it
 */
export function mergeBlockElements({ base, ours, theirs }: ThreeWay<NftBlock>): NftBlock | undefined {
  if (base === undefined || ours === undefined || theirs === undefined) return undefined
  const declarations = [base, ours, theirs].map((block) => withElements(block, []).lines.join("\n"))
  if (ours.kind !== "set" && ours.kind !== "map") return undefined
  if (new Set(declarations).size > 1) return undefined
  const elements = { base: elementTexts(base), ours: elementTexts(ours), theirs: elementTexts(theirs) }
  return withElements(ours, mergeElements(elements, stillElement))
}
