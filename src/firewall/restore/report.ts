import type { Difference } from "../snapshot/difference.ts"

/** The result of a restore. */
export interface RestoreReport {
  /**
   * `nothing-to-do`: it was in force already. `restored`: every step worked. `put-back`: one failed, and what was in
   * force before is in force again. `half`: that failed too, or the script was killed; look now.
   */
  readonly end: "nothing-to-do" | "restored" | "put-back" | "half"
  /** True when the snapshot is in force now, whole; never for `put-back` and `half`. */
  readonly ok: boolean
  /** True when anything is other than before. */
  readonly changed: boolean
  /** Failures, a line each. */
  readonly failures: readonly string[]
  /** Tables and sets that were left as they are, and why. */
  readonly left: readonly { readonly where: string; readonly why: string }[]
  /** Of the tables that differ, those that differ in a throw-away namespace too: their own tool loses something of them. */
  readonly lossy?: readonly string[]
  /** Differences from the snapshot afterwards; counters and what packets add to sets are not compared. */
  readonly differences: readonly Difference[]
  /** Rules that were in force before and are not in the snapshot, a line each: see taken-away.ts. */
  readonly takenAway: readonly string[]
}
