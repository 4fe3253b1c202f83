import type { RestoreReport } from "../../../firewall/restore/report.ts"
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
import type { ChangeOrder, EffectEnd } from "../event.ts"
import {
  applied,
  calledOff,
  endingSoon,
  notApplied,
  nothingWaits,
  refusal,
  reverted as revertedOutcome,
  unchanged,
  unexpected,
} from "../outcomes/change.ts"
import type { Change, RestoreTask, Task } from "../record.ts"

/** The session outlives a change's deadline by so much, in milliseconds. */
const sessionOutlivesMs = 30_000
/** Trying out the revert and changing the rules take less than this, in milliseconds, whatever their number. */
const longestWorkMs = 300_000
/** How long a session stays behind the change that it was armed for, in milliseconds: people are being told. */
const afterChangeMs = 1500
/** Knocks are answered so long behind a change that could not be taken back, in milliseconds. */
const repairMs = 30 * 60_000

type End<Type> = Extract<EffectEnd, { readonly type: Type }>

/** `fw-apply`: other rules are to be put in force. One change at a time. */
export function askChange(at: At, ask: number, order: ChangeOrder): At {
  const { record, nowMs } = at
  const { change, configuration } = record
  const refuse = (outcome: Outcome): At => effect(at, { type: "reply", ask, outcome })
  if (configuration.dryRun)
    return refuse({
      event: "dry-run",
      code: "refused",
      message: "the session here is a dry run",
      hint: "`fw-watchdog disarm` ends it",
    })
  if (change !== undefined) return refuse(anotherChange(change, nowMs))
  const { id, user, withinMs, force, save, sshPort, client } = order
  const preparing: Change = {
    ...{ id, user, withinMs, force, save, sshPort, client, ask },
    stage: "preparing",
    deadlineMs: nowMs + withinMs,
    opened: false,
    standing: [],
    before: undefined,
    candidate: undefined,
    calledOff: undefined,
    failed: undefined,
  }
  return update(lastAtLeast(at, withinMs + longestWorkMs), { change: preparing }, { type: "prepare", order })
}

function anotherChange(change: Change, nowMs: number): Outcome {
  const left = Math.max(0, Math.ceil((change.deadlineMs - nowMs) / 1000))
  const which =
    change.stage === "preparing"
      ? "another change is being prepared"
      : change.stage === "reverting"
        ? `a change by ${change.user} is being reverted`
        : `a change by ${change.user} waits for its confirmation, ${left} s left`
  return refusal("change-pending", which, "one change at a time: `fw-apply confirm` or `fw-apply rollback`")
}

/** Its rules are read, and the revert is proven. From here on a guard that is killed owes the revert: that is written first. */
export function prepared(at: At, event: End<"prepared">): At {
  const { change, ending } = at.record
  if (change?.id !== event.id || change.stage !== "preparing") return at
  if (ending !== undefined) return refused(at, change, endingSoon)
  if (change.calledOff !== undefined) return dropCalledOff(at, change, change.calledOff)
  const deadlineMs = at.nowMs + change.withinMs
  return update(at, { change: { ...change, ...event.sides, stage: "writing", deadlineMs, opened: false } })
}

export function prepareRefused(at: At, event: End<"prepare-refused">): At {
  const { change } = at.record
  return change?.id === event.id && change.stage === "preparing" ? refused(at, change, event.outcome) : at
}

/** The record is on disk, or could not be written: then nobody but who forces it changes anything. */
export function written(at: At, ok: boolean): At {
  const { change } = at.record
  if (change?.stage !== "writing") return at
  if (change.calledOff !== undefined) return dropCalledOff(at, change, change.calledOff)
  if (at.record.ending !== undefined) return refused(at, change, endingSoon)
  if (!ok && !change.force)
    return refused(
      at,
      change,
      refusal(
        "apply-refused",
        "the journal cannot be written: a killed guard would not go back",
        "nothing was changed; make room in the runtime folder, or --force",
        { id: change.id },
      ),
    )
  return addRestore(update(at, { change: { ...change, stage: "applying" } }), "candidate", {
    cause: "change",
  })
}

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

function refused(at: At, change: Change, outcome: Outcome): At {
  return replyOf(update(at, { change: undefined }), change, outcome)
}

function dropCalledOff(at: At, change: Change, why: string): At {
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
  const { change } = at.record
  const done = withoutTask(at, task.id)
  if (change === undefined) return done
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
  const asked = revertOf(done) !== undefined
  if (withinMs === 0 && !asked) return endChange(adopt(done, change), change, outcome)
  const stage = asked ? "reverting" : "waiting"
  const deadlineMs = asked ? at.nowMs : at.nowMs + withinMs
  const waiting = update(done, { change: { ...change, stage, deadlineMs, standing, ask: undefined } })
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
  const outcome =
    change.failed === undefined
      ? revertedOutcome(change.id, task.why, report)
      : notApplied(change.id, change.failed, report)
  return tell(endChange(at, change, outcome), outcome)
}

/** The change stays: a rollback goes back to its rules from now on, and no open before it can be undone. */
export function adopt(at: At, change: Change): At {
  return update(at, { arming: change.candidate, lastOpen: undefined, proveMs: undefined })
}

/** A change is over, whatever came of it. */
export function endChange(at: At, change: Change, outcome: Outcome): At {
  const ended = update(at, { change: undefined, lastChange: { id: change.id, outcome } })
  const told = effect(replyOf(ended, change, outcome), { type: "emit", outcome })
  // None ends soon when something may have to be repaired.
  if (outcome.code === "state-unknown") return lastAtLeast(told, repairMs)
  if (at.record.configuration.forChange !== true) return told
  return update(told, { changeOverMs: at.nowMs + afterChangeMs })
}

/** Takes up the change of a guard that was killed, or takes it back. */
export function takeUpChange(at: At): At {
  const { change } = at.record
  return change?.stage === "applying" ? askRevert(at, "the guard was killed while it changed the rules") : at
}

/** The revert, when nobody has confirmed in time. */
export function revertWhenDue(at: At): At {
  const { change } = at.record
  if (change?.stage !== "waiting" || at.nowMs < change.deadlineMs) return at
  return askRevert(at, `not confirmed within ${change.withinMs / 1000} s`)
}

/** The session lasts at least so much longer, in milliseconds. */
function lastAtLeast(at: At, ms: number): At {
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
    case "reverting": {
      if (isInLine(at))
        return effect(dropCalledOff(at, change, why), ...replies(asks, calledOff(change.id, why)))
      const task = revertOf(at)
      if (task !== undefined)
        return replaceTask(at, { ...task, asker: { asks: [...(task.asker.asks ?? []), ...asks] } })
      const reverting = change.stage === "waiting" ? unconfirmable(at, change) : at
      return addRestore(reverting, "before-change", { cause: "change", asker: { asks }, why })
    }
  }
}

/** Takes back the change before anything else is done: it could not be applied whole, or what is next is older than it. */
export function revertFirst(at: At, why: string): At {
  const { change } = at.record
  if (change === undefined) return at
  const reverting = unconfirmable(at, change)
  const added =
    revertOf(reverting) === undefined
      ? addRestore(reverting, "before-change", { cause: "change", why })
      : reverting
  const { tasks } = added.record
  const isRevert = (task: Task): boolean => task.kind === "restore" && task.to === "before-change"
  return update(added, { tasks: [...tasks.filter(isRevert), ...tasks.filter((task) => !isRevert(task))] })
}

/** From now on nobody can confirm it, and a guard that goes on with it reverts at once. */
function unconfirmable(at: At, change: Change): At {
  return update(at, {
    change: { ...change, stage: "reverting", deadlineMs: Math.min(change.deadlineMs, at.nowMs) },
  })
}
