export interface Summary {
  readonly median: number
  readonly p90: number
  readonly max: number
  readonly runs: number
}

/** Nearest-rank quantiles: every figure is one that was measured, but for the median of an even number. */
export function summarize(samples: readonly number[]): Summary | undefined {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (index: number): number => sorted[Math.min(index, sorted.length - 1)] ?? Number.NaN
  if (sorted.length === 0) return undefined
  const half = sorted.length / 2
  return {
    median: Number.isInteger(half) ? (at(half - 1) + at(half)) / 2 : at(Math.floor(half)),
    p90: at(Math.ceil(sorted.length * 0.9) - 1),
    max: at(sorted.length - 1),
    runs: sorted.length,
  }
}

export const median = (samples: readonly number[]): number | undefined => summarize(samples)?.median
