import { formatDuration } from "../../../report/duration.ts"
import type { Outcome } from "../../../report/outcome.ts"
import { type At, effect, replies, update } from "../at.ts"
import type { EffectEnd } from "../event.ts"
import { leftBehind } from "../left-behind.ts"
import { endingSoon } from "../outcomes/change.ts"
import { openFacts, withOpen } from "../outcomes/open-since.ts"
import type { SessionEnd } from "../record.ts"
import { askRevert, dropChange, isInLine } from "./change.ts"
import { askOpen } from "./open.ts"
import { askRollback } from "./restore.ts"
import { unwatch } from "./watch.ts"

/** How long what is under way or owed may take at the end, in milliseconds; every command in it has a limit of its own. */
const lastWorkMs = 180_000
/** How long writing down what outlives the session may take, in milliseconds: two disks that hang. */
const leavingMs = 15_000

export const endingAlready: Outcome = {
  event: "ending",
  code: "refused",
  message: "the session is ending already",
  hint: "`fw-watchdog status` tells when it is over",
}

/**
 * Ends the session, once. What is under way is not cut off half-way, and what is owed is done first.
 * @param ask the control connection that has asked for it, which is told when it is over
 */
export function askEnd(at: At, how: SessionEnd, message: string, ask?: number): At {
  const asks = ask === undefined ? [] : [ask]
  if (at.record.ending !== undefined) return effect(at, ...replies(asks, endingAlready))
  const outcome: Outcome = { event: how, code: "done", message, facts: { ends: true } }
  const ending = { how, outcome, limitMs: at.nowMs + lastWorkMs, asks, leaving: false }
  const owed = owedAtEnd(at, how)
  const stopped = withoutChange(update(at, { ending }, { type: "stop-listening" }))
  if (owed === "reset") return askOpen(stopped, false)
  return owed === undefined
    ? forgive(stopped, how)
    : askRollback(stopped, owed === "rollback" ? "end" : "debt")
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
  if (ending === undefined || ending.leaving || tasks.length > 0 || change !== undefined) return at
  return leave(at)
}

/** Says so all the same when it takes too long. */
export function endWhenTooLong(at: At): At {
  const { ending } = at.record
  if (ending === undefined || at.nowMs < ending.limitMs) return at
  if (ending.leaving) return left(at, { type: "left", failure: "it took too long", undoable: false })
  const message = `what was under way or owed did not end well: not done after ${formatDuration(lastWorkMs)}`
  return leave(
    effect(at, { type: "emit", outcome: { event: "expiry-failed", code: "state-unknown", message } }),
  )
}

/** Everything that outlives the session is written down before it is over: the last words rely on it. */
function leave(at: At): At {
  const { ending, openSince } = at.record
  if (ending === undefined) return at
  const behind = leftBehind(at.record)
  if (behind === undefined) return end(at, openSince !== undefined)
  const leaving = { ...ending, leaving: true, limitMs: at.nowMs + leavingMs }
  return update(at, { ending: leaving }, { type: "leave", behind })
}

/** It is written down, or could not be: then no undo comes behind this session. */
export function left(at: At, { failure, undoable }: Extract<EffectEnd, { readonly type: "left" }>): At {
  const { ending, openSince } = at.record
  if (ending?.leaving !== true) return at
  if (failure === undefined) return end(at, undoable)
  const message = `nobody will know what this session leaves behind${openSince === undefined ? "" : ", and no undo comes behind it"}: ${failure}`
  const outcome = { event: "not-left-behind", code: "state-unknown", message } as const
  return end(effect(at, { type: "emit", outcome }), false)
}

/** @param undoable an undo can come behind the session, where it leaves an open */
function end(at: At, undoable: boolean): At {
  const { ending } = at.record
  if (ending === undefined) return at
  const facts = openFacts(at.record)
  const outcome = withOpen(
    ending.outcome,
    facts && { ...facts, undoable: undoable && facts.undoable },
    at.wallMs,
  )
  return update(unwatch(at), { over: true }, { type: "emit", outcome }, ...replies(ending.asks, outcome), {
    type: "end",
    how: ending.how,
  })
}
