/** What a session holds at one moment. */
export interface Sample {
  /** Kilobytes in proportion, of all its processes: a page that n processes of this machine share counts 1/n. */
  readonly pssKb: number
  /**
   * Kilobytes of the guard and its loaders, as if they were alone on the machine: what others do does not show in it, and
   * neither do listeners, which come and go.
   */
  readonly lastingKb: number
  /** Open descriptors of the same. */
  readonly descriptors: number
}

/** How much it may grow from the second quarter to the last: a heap that is not full yet, and a capture more, are no leak. */
export const mostGrownKb = 8192
export const mostGrownDescriptors = 2
/** Fewer samples say nothing. */
export const fewestSamples = 30

/**
 * Looks for a leak: the median of the last quarter beside that of the second; the first is warm-up. A median, because a
 * proof that is under way, or a loader that is being replaced, makes a peak or a dip.
 *
 * @param samples taken at equal distances
 * @returns what has grown, one line each; empty when nothing has, or when there are fewer than `fewestSamples`
 */
export function grown(samples: readonly Sample[]): string[] {
  if (samples.length < fewestSamples) return []
  const quarter = Math.floor(samples.length / 4)
  const early = samples.slice(quarter, 2 * quarter)
  const late = samples.slice(-quarter)
  const found: string[] = []
  const judge = (what: string, of: (sample: Sample) => number, most: number): void => {
    const from = median(early.map(of))
    const to = median(late.map(of))
    if (to - from > most) found.push(`${what} have grown from ${from} to ${to}, more than ${most}`)
  }
  judge("kilobytes", ({ lastingKb }) => lastingKb, mostGrownKb)
  judge("descriptors", ({ descriptors }) => descriptors, mostGrownDescriptors)
  return found
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0
