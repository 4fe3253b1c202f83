/** Something that two sides may have changed since both had `base`; undefined where it is not there. */
export interface ThreeWay<T> {
  readonly base: T | undefined
  readonly ours: T | undefined
  readonly theirs: T | undefined
}

/**
 * The merge of one thing: the side that has changed it; both when they agree.
 * @param same tells whether two of them are the same
 * @param both decides where both sides have changed it, and differently
 */
export function merged<T>(
  { base, ours, theirs }: ThreeWay<T>,
  same: (a: T, b: T) => boolean,
  both: () => T | undefined,
): T | undefined {
  const equal = (a: T | undefined, b: T | undefined): boolean =>
    a === undefined || b === undefined ? a === b : same(a, b)
  if (equal(ours, base)) return theirs
  if (equal(theirs, base) || equal(theirs, ours)) return ours
  return both()
}

/** All names of three maps, in the order of theirs, then of ours. */
export function namesOf<T>(...maps: readonly ReadonlyMap<string, T>[]): string[] {
  return [...new Set(maps.flatMap((map) => [...map.keys()]))]
}
