/** The most edits between a mistyped word and the one that was meant. */
const mostEdits = 2

/** Finds the word that was meant by a mistyped or unfinished one: the only nearest, and near enough. */
export function nearWord(typed: string, words: readonly string[]): string | undefined {
  const begun = words.filter((word) => typed.length > 1 && word.startsWith(typed))
  if (begun.length === 1) return begun[0]
  const distances = words.map((word) => [word, editsBetween(typed, word)] as const)
  const least = Math.min(...distances.map(([, edits]) => edits))
  const [nearest, another] = distances.filter(([, edits]) => edits === least)
  if (nearest === undefined || another !== undefined) return undefined
  // Of a short word too little would be left.
  return least <= mostEdits && least * 2 <= typed.length ? nearest[0] : undefined
}

/** Letters put in, left out, replaced, or swapped with their neighbour: the optimal string alignment distance. */
function editsBetween(one: string, other: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= other.length; j += 1) {
      const same = one[i - 1] === other[j - 1]
      const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      row.push(
        Math.min(
          (last[j] ?? 0) + 1,
          (row[j - 1] ?? 0) + 1,
          (last[j - 1] ?? 0) + (same ? 0 : 1),
          swapped ? (beforeLast[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      )
    }
    beforeLast = last
    last = row
  }
  return last[other.length] ?? 0
}
