import type { Outcome } from "../../../report/outcome.ts"
import { type At, effect, update } from "../at.ts"
import { endingSoon } from "../outcomes/change.ts"
import type { SessionEnd } from "../record.ts"
import { askRevert, dropChange, isInLine } from "./change.ts"
import { askOpen, unwatch } from "./open.ts"
import { askRollback } from "./restore.ts"

/** How long what is under way or owed may take at the end, in milliseconds; every command in it has a limit of its own. */
const lastWorkMs = 180_000

export const endingAlready: Outcome = {
  event: "ending",
  code: "refused",
  message: "the session is ending already",
  hint: "`fw-watchdog status` tells when it is over",
}

/** Ends the session, once. What is under way is not cut off half-way, and what is owed is done first. */
export function askEnd(
  at: At,
  how: SessionEnd,
  message: string,
): { readonly next: At; readonly outcome: Outcome } {
  if (at.record.ending !== undefined) return { next: at, outcome: endingAlready }
  const outcome: Outcome = { event: how, code: "done", message, facts: { ends: true } }
  const ending = { how, outcome, limitMs: at.nowMs + lastWorkMs }
  const owed = owedAtEnd(at, how)
  const stopped = withoutChange(update(at, { ending }, { type: "stop-listening" }))
  const next =
    owed === "reset"
      ? askOpen(stopped, false)
      : owed === undefined
        ? forgive(stopped, how)
        : askRollback(stopped, owed === "rollback" ? "end" : "debt")
  return { next, outcome }
}

/** Takes the change back, or off when it has not changed anything yet. */
function withoutChange(at: At): At {
  const { change } = at.record
  if (change === undefined || change.stage === "preparing") return at // dropped when it is prepared
  return change.stage === "writing" || isInLine(at)
    ? dropChange(at, change, endingSoon)
    : askRevert(at, "the session ends")
}

/** The work that is owed when it ends. A disarm owes nothing; a guard that is told to go does not leave rules open. */
function owedAtEnd({ record }: At, how: SessionEnd): "reset" | "rollback" | "debt" | undefined {
  const { dryRun, onExpiry } = record.configuration
  if (dryRun || how === "disarmed" || how === "change-over") return undefined
  if (how === "expired" && onExpiry !== "disarm") return onExpiry
  if (onExpiry === "rollback") return "rollback"
  return record.debt === undefined ? undefined : "debt"
}

/**
 * Who disarms takes over what was owed; what has begun already is not cut off. It stays in the record: a guard that is killed
 * before it has ended goes on with the session.
 */
function forgive(at: At, how: SessionEnd): At {
  if (how !== "disarmed") return at
  const tasks = at.record.tasks.filter(
    (task) => task.kind !== "restore" || task.cause !== "debt" || task.running,
  )
  return update(at, { tasks })
}

/** Says that the session is over, when nothing is under way or owed any more. */
export function endWhenDone(at: At): At {
  const { ending, tasks, change } = at.record
  if (ending === undefined || tasks.length > 0 || change !== undefined) return at
  return end(at)
}

/** Says so all the same when it takes too long. */
export function endWhenTooLong(at: At): At {
  const { ending } = at.record
  if (ending === undefined || at.nowMs < ending.limitMs) return at
  const message = `what was under way or owed did not end well: not done after ${lastWorkMs / 1000} s`
  return end(
    effect(at, { type: "emit", outcome: { event: "expiry-failed", code: "state-unknown", message } }),
  )
}

function end(at: At): At {
  const { ending } = at.record
  if (ending === undefined) return at
  return update(
    unwatch(at),
    { over: true },
    { type: "emit", outcome: ending.outcome },
    { type: "end", how: ending.how },
  )
}
