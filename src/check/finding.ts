/**
 * One thing that `fw-watchdog check` found out. A `problem` means that a reset would not work, or might not; a `note` is
 * good to know and takes nothing away.
 */
export interface Finding {
  readonly level: "ok" | "note" | "problem"
  /** The thing looked at, as a stable kebab-case word that scripts compare. */
  readonly subject: string
  readonly message: string
  /** The remedy. */
  readonly advice?: string
}
