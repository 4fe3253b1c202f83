/** The outcome of what `--hard` adds to an open. */
export interface HardReport {
  /** Steps that failed, a line each. */
  readonly failures: readonly string[]
  /** Changes that no undo brings back: stopped services, tc filters, rp_filter. */
  readonly cleared: readonly string[]
  /** Everything that may still stop packets and is out of reach here, named for the operator. */
  readonly left: readonly string[]
}
