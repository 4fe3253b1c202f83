/** What all processes of a session hold at one moment. */
export interface Sample {
  /** Kilobytes in proportion: a page that n processes of this machine share counts 1/n. */
  readonly pssKb: number
  /** Kilobytes that they would weigh were they alone on the machine: what others do does not show in it. */
  readonly aloneKb: number
  readonly descriptors: number
}

/** How much the floor may rise: garbage, arenas and a capture more are no leak. */
export const mostGrownKb = 4096
export const mostGrownDescriptors = 2
/** Fewer samples say nothing. */
export const fewestSamples = 12

/**
 * Looks for a leak. A peak is garbage that has not been collected yet, a listener that is being replaced, or a proof
 * that is under way; what leaks raises the floor. So the lowest of the second quarter (the first is warm-up) is compared
 * with the lowest of the last.
 *
 * @param samples taken at equal distances
 * @returns what has grown, one line each; empty when nothing has, or when there are fewer than `fewestSamples`
 */
export function grown(samples: readonly Sample[]): string[] {
  if (samples.length < fewestSamples) return []
  const quarter = Math.floor(samples.length / 4)
  const early = samples.slice(quarter, 2 * quarter)
  const late = samples.slice(-quarter)
  const rise = (of: (sample: Sample) => number): { readonly from: number; readonly to: number } => ({
    from: Math.min(...early.map(of)),
    to: Math.min(...late.map(of)),
  })
  const found: string[] = []
  const memory = rise(({ aloneKb }) => aloneKb)
  if (memory.to - memory.from > mostGrownKb)
    found.push(`memory has grown from ${memory.from} kB to ${memory.to} kB, more than ${mostGrownKb} kB`)
  const descriptors = rise((sample) => sample.descriptors)
  if (descriptors.to - descriptors.from > mostGrownDescriptors)
    found.push(`descriptors have grown from ${descriptors.from} to ${descriptors.to}`)
  return found
}
