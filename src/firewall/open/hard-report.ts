/** What `--hard` did beyond an open. */
export interface HardReport {
  /** Steps that failed, a line each. */
  readonly failures: readonly string[]
  /** What was changed that no undo brings back: stopped services, tc filters, rp_filter. */
  readonly cleared: readonly string[]
  /** What may still stop packets and is out of reach here, named for the operator. */
  readonly left: readonly string[]
}
