/** How much is measured. */
export interface Effort {
  readonly quick: boolean
  /** What control groups made here begin with; `scripts/bench` removes what is left of them. */
  readonly cgroup: string
  /** Says what is being done, on standard error. */
  readonly say: (line: string) => void
}

/** One line of the results: what one contender did in one variant of a case. */
export interface Row {
  /** The variant: a lockout, a size; empty when there is one only. */
  readonly variant: string
  readonly contender: string
  readonly unit: string
  /** Every measurement, in the order taken; empty when there is none, and then `reason` says why. */
  readonly samples: readonly number[]
  /** Runs that gave no figure: "does not open it". */
  readonly failures: number
  /** Why it could not run, or did not do what was asked. */
  readonly reason?: string
  /** The row of this variant that ratios are to. */
  readonly isOurs: boolean
  /** What else belongs to the figure, as short named values. */
  readonly facts?: Readonly<Record<string, string | number>>
  /** Of a case that asks yes or no: did it stand? Then there are no figures. */
  readonly stood?: boolean
}

/** What was promised, and whether the figures keep it. */
export interface Target {
  readonly what: string
  readonly met: boolean
  readonly figure: string
}

export interface CaseResult {
  readonly rows: readonly Row[]
  readonly targets: readonly Target[]
  /** Why there are no rows: the case itself could not be run. */
  readonly failed?: string
}

export interface Case {
  /** Also how it is chosen on the command line. */
  readonly name: string
  readonly title: string
  run(effort: Effort): Promise<CaseResult>
}
