import type { RestoreReport } from "../../../firewall/restore/report.ts"
import type { Verdict } from "../../../knock/answer.ts"
import type { Outcome } from "../../../report/outcome.ts"
import { type At, addRestore, effect, replaceTask, replies, taskOf, update, withoutTask } from "../at.ts"
import type { EffectEnd } from "../event.ts"
import { unexpected } from "../outcomes/change.ts"
import { nothingToUndo } from "../outcomes/open-since.ts"
import { nothingToRestore, outcomeOfRestore } from "../outcomes/restore.ts"
import { withTakenAway } from "../outcomes/taken-away.ts"
import type { Asker, RestoreTask, SnapshotRef } from "../record.ts"
import { applyEnded, askRevert, reverted, revertFirst } from "./change.ts"
import { putBack } from "./openness.ts"
import { suspendWatch, watchOn } from "./watch.ts"

/** The longest wait before an owed rollback is tried again, in milliseconds. */
const longestRetryMs = 300_000

const backToArming = "the session goes back to the rules in force at arming"

/** `undo`: to the rules from before the last open. */
export function askUndo(at: At, asker: Asker): At {
  return addRestore(at, "last-open", { cause: "asked", asker })
}

/** To the rules in force at arming. These are older than any change: it is over with them. */
export function askRollback(at: At, cause: RestoreTask["cause"], asker: Asker = {}): At {
  // What is owed may be paid before its turn comes: a change is reverted for it only then.
  const before = cause === "debt" ? at : askRevert(at, backToArming)
  return addRestore(before, "arming", { cause, asker })
}

/** The owed rollback, when its time has come and it is not on its way. */
export function payDebtWhenDue(at: At): At {
  const { debt, tasks } = at.record
  if (debt === undefined || at.nowMs < debt.dueMs) return at
  if (tasks.some((task) => task.kind === "restore" && task.cause === "debt")) return at
  return askRollback(at, "debt")
}

/** Begins a restore that is the first in line, or ends it where there is nothing to restore. */
export function startRestoring(at: At, task: RestoreTask): At {
  const { record } = at
  if (task.running) return at
  // Somebody went back already, or another open has put it off.
  if (task.cause === "debt" && (record.debt === undefined || record.debt.open > task.id))
    return withoutTask(at, task.id)
  if (isOlderThanChange(at, task))
    return revertFirst(at, task.to === "arming" ? backToArming : "an older open is undone")
  const running = suspendWatch(replaceTask(at, { ...task, running: true, tries: task.tries + 1 }))
  if (task.to === "candidate") return startApplying(running, task)
  const snapshot = snapshotOf(at, task)
  const known = task.to === "before-change" ? record.change?.candidate : undefined
  // Behind an open there is nothing in force that could be told apart.
  const over = known !== undefined && record.change?.opened === false ? known : undefined
  if (snapshot !== undefined)
    return effect(running, { type: "restore", task: task.id, snapshot, known, over })
  return restored(running, { type: "restored", task: task.id, report: undefined, standing: [] })
}

/** Tells whether the rules of a restore are older than the change that is in force: it is over with that, first. */
function isOlderThanChange({ record: { change } }: At, { to }: RestoreTask): boolean {
  const { stage } = change ?? {}
  if (change === undefined || (stage !== "waiting" && stage !== "comparing" && stage !== "reverting"))
    return false
  return to === "arming" || (to === "last-open" && !change.opened)
}

function startApplying(at: At, task: RestoreTask): At {
  const { change } = at.record
  if (change?.before === undefined || change.candidate === undefined) return withoutTask(at, task.id)
  const { id, before, candidate } = change
  return effect(at, { type: "apply", task: task.id, id, before, candidate })
}

function snapshotOf({ record }: At, { to }: RestoreTask): SnapshotRef | undefined {
  switch (to) {
    case "arming":
      return record.arming
    case "last-open":
      return record.lastOpen
    case "before-change":
      return record.change?.before
    case "candidate":
      return record.change?.candidate
  }
}

/** A restore has ended, well or not. */
export function restored(at: At, event: Extract<EffectEnd, { readonly type: "restored" }>): At {
  const task = taskOf(at, event.task, "restore")
  if (task === undefined) return at
  const { report, standing } = event
  return ended(watchOn(at, report?.changed ?? false), task, report, standing)
}

function ended(
  at: At,
  task: RestoreTask,
  report: RestoreReport | undefined,
  standing: readonly string[],
): At {
  switch (task.to) {
    case "arming":
    case "last-open":
      return rulesRestored(withoutTask(at, task.id), task, task.to, report)
    case "before-change":
      if (report !== undefined && failed(report) && task.tries < 2)
        return replaceTask(at, { ...task, running: false })
      return reverted(withoutTask(at, task.id), task, report)
    case "candidate":
      return report === undefined ? withoutTask(at, task.id) : applyEnded(at, task, report, standing)
  }
}

function rulesRestored(
  at: At,
  task: RestoreTask,
  to: "arming" | "last-open",
  report: RestoreReport | undefined,
): At {
  const rules = to === "arming" ? "the rules in force at arming" : "the rules from before the last open"
  const { openBefore, openAtArming, lastOpen, noUndo } = at.record
  const none =
    to === "arming"
      ? nothingToRestore()
      : nothingToUndo(lastOpen === undefined ? noUndo : { why: "lost" }, at.wallMs)
  const outcome = report === undefined ? none : withTakenAway(outcomeOfRestore(rules, report), report)
  const known = putBack(at, report, to === "arming" ? openAtArming : openBefore)
  const settled = afterRestore(known, task, report, outcome)
  const forgotten =
    to === "last-open" && report?.ok === true
      ? update(settled, {
          ...{ lastOpen: undefined, openBefore: undefined, proveMs: undefined },
          noUndo: { why: "undone", atMs: at.wallMs },
        })
      : settled
  const { change } = forgotten.record
  const next =
    to === "last-open" && outcome.event === "rolled-back" && change !== undefined
      ? update(forgotten, { change: { ...change, opened: false } })
      : forgotten
  const { knock, asks = [] } = task.asker
  return effect(
    next,
    ...replies(asks, outcome),
    { type: "emit", outcome },
    ...(knock === undefined
      ? []
      : [{ type: "answer", knock, verdict: rollbackVerdict(outcome), verified: true } as const]),
  )
}

/** A restore that worked pays what an earlier open owed; one that failed forgets nothing, and what was due is tried again. */
function afterRestore(at: At, task: RestoreTask, report: RestoreReport | undefined, outcome: Outcome): At {
  const { debt } = at.record
  if (debt === undefined || debt.open > task.id) return at
  const gone = task.to === "arming" && outcome.event === "nothing-to-undo"
  // What was left alone is not mended by trying again.
  if (gone || (outcome.event === "rolled-back" && report !== undefined && unexpected(report).length === 0))
    return update(at, { debt: undefined })
  if (task.cause !== "debt") return at
  const { retryMs } = debt
  return update(at, {
    debt: { ...debt, dueMs: at.nowMs + retryMs, retryMs: Math.min(retryMs * 2, longestRetryMs) },
  })
}

const failed = ({ end }: RestoreReport): boolean => end === "put-back" || end === "half"

function rollbackVerdict(outcome: Outcome): Verdict {
  if (outcome.event === "nothing-to-undo") return "nothing-to-do"
  return outcome.code === "done" ? "rolled-back" : "rollback-failed"
}
