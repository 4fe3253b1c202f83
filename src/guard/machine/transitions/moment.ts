import { type At, update } from "../at.ts"
import type { SessionRecord } from "../record.ts"
import { revertWhenDue } from "./change.ts"
import { askEnd, endWhenTooLong } from "./end.ts"
import { payDebtWhenDue } from "./restore.ts"
import { lookWhenDue } from "./watch.ts"

/** Follows the clock: everything that is due. */
export function moment(at: At): At {
  const { record, nowMs } = at
  if (record.ending !== undefined) return endWhenTooLong(at)
  if (nowMs >= record.endsAtMs) return askEnd(at, "expired", "the session expired").now
  if (record.changeOverMs !== undefined && nowMs >= record.changeOverMs)
    return askEnd(at, "change-over", "the change is over, and so is its session").now
  return proveWhenDue(lookWhenDue(revertWhenDue(payDebtWhenDue(at))))
}

/** Proves what the latest open kept, when nobody waits any more. */
function proveWhenDue(at: At): At {
  const { proveMs, lastOpen } = at.record
  if (proveMs === undefined || at.nowMs < proveMs) return at
  const done = update(at, { proveMs: undefined })
  if (lastOpen === undefined) return done
  return update(done, {}, { type: "prove", snapshot: lastOpen, restore: "an undo" })
}

/** When something is due next, on the boot clock, in milliseconds; infinite when nothing is. */
export function nextMomentMs({ ending, over, ...record }: SessionRecord): number {
  if (over) return Number.POSITIVE_INFINITY
  if (ending !== undefined) return ending.limitMs
  const { debt, change, tasks } = record
  const debtWaits = !tasks.some((task) => task.kind === "restore" && task.cause === "debt")
  const moments = [
    record.endsAtMs,
    record.changeOverMs,
    debtWaits ? debt?.dueMs : undefined,
    change?.stage === "waiting" ? change.deadlineMs : undefined,
    record.watch.nextMs,
    record.proveMs,
  ]
  return Math.min(...moments.map((moment) => moment ?? Number.POSITIVE_INFINITY))
}
