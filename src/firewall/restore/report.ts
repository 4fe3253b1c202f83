import type { Difference } from "../snapshot/difference.ts"

/** What came of putting a snapshot back. */
export interface RestoreReport {
  /**
   * `nothing-to-do`: it was in force already. `restored`: every step worked. `put-back`: one failed, and what was in
   * force before is in force again. `half`: that failed too, or the script was killed; look now.
   */
  readonly end: "nothing-to-do" | "restored" | "put-back" | "half"
  /** Is the snapshot in force now, whole? Never true for `put-back` and `half`. */
  readonly ok: boolean
  /** Is anything other than before? */
  readonly changed: boolean
  /** What failed, a line each. */
  readonly failures: readonly string[]
  /** Tables and sets that were left as they are, and why. */
  readonly left: readonly { readonly where: string; readonly why: string }[]
  /** What is not as in the snapshot afterwards; counters and what packets add to sets are not compared. */
  readonly differences: readonly Difference[]
}
