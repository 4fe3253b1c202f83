import type { RestoreReport } from "../../../firewall/restore/report.ts"
import { formatDuration } from "../../../report/duration.ts"
import type { Outcome } from "../../../report/outcome.ts"
import {
  type At,
  addRestore,
  effect,
  replaceTask,
  replies,
  revertOf,
  taskOf,
  update,
  withoutTask,
} from "../at.ts"
import type { EffectEnd } from "../event.ts"
import { undoableOpen } from "../left-behind.ts"
import {
  applied,
  calledOff,
  notApplied,
  nothingWaits,
  refusal,
  reverted as revertedOutcome,
  unchanged,
  unexpected,
} from "../outcomes/change.ts"
import { withTakenAway } from "../outcomes/taken-away.ts"
import type { Change, RestoreTask, SnapshotRef, Task } from "../record.ts"
import { putBack } from "./openness.ts"

/** The session outlives a change's deadline by so much, in milliseconds. */
const sessionOutlivesMs = 30_000
/** How long a session stays behind the change that it was armed for, in milliseconds: people are being told. */
const afterChangeMs = 1500
/** Knocks are answered so long behind a change that could not be taken back, in milliseconds. */
const repairMs = 30 * 60_000

type End<Type> = Extract<EffectEnd, { readonly type: Type }>

/** Refused at the last moment: other rules are in force than those it was rehearsed with. */
export function applyRefused(at: At, event: End<"apply-refused">): At {
  const task = taskOf(at, event.task, "restore")
  const { change } = at.record
  if (task === undefined || change === undefined) return at
  return refused(withoutTask(at, task.id), change, event.outcome)
}

/** Takes a change off the list before it has changed anything. */
export function dropChange(at: At, change: Change, outcome: Outcome): At {
  const tasks = at.record.tasks.filter((task) => task.kind !== "restore" || task.to !== "candidate")
  return refused(update(at, { tasks }), change, outcome)
}

/** Tells whether a change has its place on the list, and has not changed anything yet. */
export function isInLine({ record }: At): boolean {
  return record.tasks.some((task) => task.kind === "restore" && task.to === "candidate" && !task.running)
}

/** A change ends before it has changed anything. */
export function refused(at: At, change: Change, outcome: Outcome): At {
  return replyOf(withoutChange(at, outcome), change, outcome)
}

/** The change is no more, nor a revert of it that is on the list: the next change must not meet that. Whoever asked for it is told. */
function withoutChange(at: At, outcome: Outcome): At {
  const revert = revertOf(at)
  const none = update(at, { change: undefined })
  return revert === undefined
    ? none
    : effect(withoutTask(none, revert.id), ...replies(revert.asker.asks ?? [], outcome))
}

/** The same, because somebody has asked for its revert already. */
export function dropCalledOff(at: At, change: Change, why: string): At {
  const outcome = refusal("apply-refused", `called off: ${why}`, "nothing was changed", { id: change.id })
  return dropChange(at, change, outcome)
}

function replyOf(at: At, { ask }: Change, outcome: Outcome): At {
  return ask === undefined ? at : effect(at, { type: "reply", ask, outcome })
}

/** The candidate is in force, whole or not at all, or nobody knows. */
export function applyEnded(
  at: At,
  task: RestoreTask,
  report: RestoreReport,
  standing: readonly string[],
): At {
  const taken = withoutTask(at, task.id)
  if (at.record.change === undefined) return taken
  const change = { ...at.record.change, openBefore: undoableOpen(at.record) }
  const done = report.end === "nothing-to-do" ? taken : putBack(taken, report, undefined)
  const { id, withinMs, force } = change
  const wrong = unexpected(report)
  if (report.end === "nothing-to-do" && wrong.length === 0) return endChange(done, change, unchanged(id))
  if (report.end === "put-back")
    return endChange(done, change, notApplied(id, report.failures.join("; "), undefined))
  if (report.end === "half" || (wrong.length > 0 && !force)) {
    const why = report.failures[0] ?? whyWrong(wrong, report.lossy ?? [])
    return revertFirst(update(done, { change: { ...change, failed: why } }), why)
  }
  const left = report.left.map(({ where, why }) => `${where}: ${why}`)
  const outcome = applied(id, withinMs, { secondsLeft: withinMs / 1000, left, differences: wrong })
  // Somebody may have asked for the revert meanwhile: then it is on the list.
  const revert = revertOf(done)
  const asked = revert !== undefined
  if (withinMs === 0 && !asked) return endChange(adopt(done, change, change.candidate), change, outcome)
  const stage = asked ? "reverting" : "waiting"
  const deadlineMs = asked ? at.nowMs : at.nowMs + withinMs
  const reverting = revert && { atMs: at.wallMs, why: revert.why }
  const waiting = update(done, {
    change: { ...change, stage, deadlineMs, standing, ask: undefined, reverting },
  })
  return effect(replyOf(lastAtLeast(waiting, withinMs + sessionOutlivesMs), change, outcome), {
    type: "emit",
    outcome,
  })
}

function whyWrong(wrong: readonly string[], lossy: readonly string[]): string {
  const others = wrong.filter((where) => !lossy.includes(where))
  return others.length > 0
    ? `something else was in force at once, by another writer or a tool that did not load what it was given: ${others.join(", ")}`
    : `its own tool does not load what it has saved, so these rules would be others than the script's: ${lossy.join(", ")}`
}

/** A revert has ended. @param report undefined where the rules from before are lost */
export function reverted(at: At, task: RestoreTask, report: RestoreReport | undefined): At {
  const { change } = at.record
  const { asks = [] } = task.asker
  const tell = (then: At, outcome: Outcome): At => effect(then, ...replies(asks, outcome))
  if (change === undefined) return tell(at, nothingWaits)
  const outcome = withTakenAway(
    change.failed === undefined
      ? revertedOutcome(change.id, task.why, report)
      : notApplied(change.id, change.failed, report),
    report,
  )
  return tell(endChange(backBefore(at, change, report), change, outcome), outcome)
}

/** The open that was in force before a change is so again behind it, with its own way back. */
function backBefore(at: At, { openBefore }: Change, report: RestoreReport | undefined): At {
  const back = putBack(at, report, openBefore?.since)
  if (report?.ok !== true || openBefore === undefined) return back
  return update(back, { lastOpen: openBefore.rules, openBefore: openBefore.earlier, proveMs: undefined })
}

/** The change stays: a rollback goes back to its rules from now on, and no open before it can be undone. */
export function adopt(at: At, { candidate }: Change, rules: SnapshotRef | undefined): At {
  const adopted = update(at, {
    ...{ arming: rules, lastOpen: undefined, proveMs: undefined },
    noUndo: { why: "confirmed", atMs: at.wallMs },
    ...{ openSince: undefined, openBefore: undefined, openAtArming: undefined },
  })
  return candidate === undefined ? adopted : effect(adopted, { type: "remember", candidate })
}

/** A change is over, whatever came of it. */
export function endChange(at: At, change: Change, outcome: Outcome): At {
  const lastChange = { id: change.id, atMs: at.wallMs, outcome }
  const ended = update(withoutChange(at, outcome), { lastChange })
  const told = effect(replyOf(ended, change, outcome), { type: "emit", outcome })
  // None ends soon when something may have to be repaired.
  if (outcome.code === "state-unknown") return lastAtLeast(told, repairMs)
  if (at.record.configuration.forChange !== true) return told
  return update(told, { changeOverMs: at.nowMs + afterChangeMs })
}

/** Takes up the change of a guard that was killed, or takes it back. */
export function takeUpChange(at: At): At {
  const { change } = at.record
  if (change?.stage === "reverting")
    return askRevert(at, change.reverting?.why ?? "it was going back already")
  return change?.stage === "applying" ? askRevert(at, "the guard was killed while it changed the rules") : at
}

/** The revert, when nobody has confirmed in time. */
export function revertWhenDue(at: At): At {
  const { change } = at.record
  if (change?.stage === "comparing" && at.nowMs >= (change.confirming?.limitMs ?? 0))
    return revertWhenDue(refuseConfirming(at, change, "what is in force could not be looked at in time"))
  if (change?.stage !== "waiting" || at.nowMs < change.deadlineMs) return at
  return askRevert(at, `not confirmed within ${formatDuration(change.withinMs)}`)
}

/** The change waits on, and whoever confirmed it is told that it is not confirmed. */
export function refuseConfirming(at: At, change: Change, why: string): At {
  const { asks = [], knocks = [] } = change.confirming ?? {}
  const hint = "`fw-watchdog status` shows the session"
  const outcome = refusal("confirm-refused", `cannot confirm: ${why}`, hint, { id: change.id })
  return update(
    at,
    { change: { ...change, stage: "waiting", confirming: undefined } },
    ...replies(asks, outcome),
    ...knocks.map((knock) => ({ type: "answer", knock, verdict: "refused", verified: false }) as const),
  )
}

/** The session lasts at least so much longer, in milliseconds. */
export function lastAtLeast(at: At, ms: number): At {
  const { endsAtMs } = at.record
  return at.nowMs + ms > endsAtMs ? update(at, { endsAtMs: at.nowMs + ms }) : at
}

/**
 * Takes back the change, when what is being applied has been. Whoever asks while it reverts gets the same answer; one that
 * has not changed anything yet is called off.
 */
export function askRevert(at: At, why: string, ask?: number): At {
  const { change } = at.record
  const asks = ask === undefined ? [] : [ask]
  if (change === undefined) return effect(at, ...replies(asks, nothingWaits))
  switch (change.stage) {
    case "preparing":
    case "writing": {
      const outcome = calledOff(change.id, why)
      return effect(update(at, { change: { ...change, calledOff: why } }), ...replies(asks, outcome))
    }
    case "applying":
    case "waiting":
    case "comparing":
    case "reverting": {
      if (isInLine(at))
        return effect(dropCalledOff(at, change, why), ...replies(asks, calledOff(change.id, why)))
      const task = revertOf(at)
      if (task !== undefined)
        return replaceTask(at, { ...task, asker: { asks: [...(task.asker.asks ?? []), ...asks] } })
      const stands = change.stage === "waiting" || change.stage === "comparing"
      const reverting = stands ? unconfirmable(at, change, why) : at
      return addRestore(reverting, "before-change", { cause: "change", asker: { asks }, why })
    }
  }
}

/** Takes back the change before anything else is done: it could not be applied whole, or what is next is older than it. */
export function revertFirst(at: At, why: string): At {
  const { change } = at.record
  if (change === undefined) return at
  const reverting = unconfirmable(at, change, why)
  const added =
    revertOf(reverting) === undefined
      ? addRestore(reverting, "before-change", { cause: "change", why })
      : reverting
  const { tasks } = added.record
  const isRevert = (task: Task): boolean => task.kind === "restore" && task.to === "before-change"
  return update(added, { tasks: [...tasks.filter(isRevert), ...tasks.filter((task) => !isRevert(task))] })
}

/** From now on nobody can confirm it, and a guard that goes on with it reverts at once. */
function unconfirmable(at: At, change: Change, why: string): At {
  const told =
    change.confirming === undefined ? at : refuseConfirming(at, change, `the rules go back: ${why}`)
  const deadlineMs = Math.min(change.deadlineMs, at.nowMs)
  const reverting = change.reverting ?? { atMs: at.wallMs, why }
  return update(told, {
    change: { ...change, stage: "reverting", deadlineMs, confirming: undefined, reverting },
  })
}
