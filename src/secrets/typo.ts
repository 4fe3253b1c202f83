/** The place where a written secret was mistyped: one digit, or one and the next swapped; `at` counts digits from 0. */
export interface TypoPlace {
  readonly kind: "digit" | "swap"
  readonly at: number
}

/**
 * Finds the one typing mistake that explains why the check digits do not fit, so that the operator knows which group to
 * look at again. With 22 check bits and some 960 candidates it names a wrong place once in 4000 mistypings, and says
 * nothing about the digit that should be there.
 *
 * @param values the digits as numbers 0..31
 * @param checksOut tells whether these digits fit their check digits
 * @returns the only explanation there is, or undefined when there is none or more than one.
 */
export function locateTypo(
  values: readonly number[],
  checksOut: (values: readonly number[]) => boolean,
): TypoPlace | undefined {
  const found: TypoPlace[] = []
  const trial = [...values]
  for (let at = 0; at < values.length; at += 1) {
    const original = values[at] ?? 0
    for (let other = 0; other < 32; other += 1) {
      trial[at] = other
      if (other !== original && checksOut(trial)) found.push({ kind: "digit", at })
    }
    trial[at] = original
    const next = values[at + 1]
    if (next === undefined || next === original) continue
    trial[at] = next
    trial[at + 1] = original
    if (checksOut(trial)) found.push({ kind: "swap", at })
    trial[at] = original
    trial[at + 1] = next
  }
  return found.length === 1 ? found[0] : undefined
}
