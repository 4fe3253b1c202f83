import type { Outcome } from "../../../report/outcome.ts"
import type { SessionRecord } from "../record.ts"

/** One table or set that a restore would not bring back. @param line it, and why */
export function notRestorable(restore: string, line: string): Outcome {
  return { event: "not-restorable", code: "state-unknown", message: wouldNot(restore, line) }
}

/** Nobody knows what would come back. */
export function notProven(restore: string, why: string): Outcome {
  return { event: "not-proven", code: "state-unknown", message: `could not try ${restore} out: ${why}` }
}

/** Everything that a rollback and an undo would not bring back now, a line each. */
export function notRestorableNow({ proofs, arming, lastOpen }: SessionRecord): string[] {
  return proofs
    .filter(({ snapshot }) => snapshot === arming || snapshot === lastOpen)
    .flatMap(({ restore, lost }) => lost.map((line) => wouldNot(restore, line)))
}

function wouldNot(restore: string, line: string): string {
  return `${restore} would not bring back ${line}`
}
