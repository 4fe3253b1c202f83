import { formatDuration } from "../../../report/duration.ts"
import type { Outcome } from "../../../report/outcome.ts"
import { type At, addRestore, effect, update } from "../at.ts"
import type { ChangeOrder, EffectEnd } from "../event.ts"
import { endingSoon, refusal } from "../outcomes/change.ts"
import type { Change } from "../record.ts"
import { dropCalledOff, lastAtLeast, refused } from "./change.ts"

/** Trying out the revert and changing the rules take less than this, in milliseconds, whatever their number. */
const longestWorkMs = 300_000

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
    confirming: undefined,
    reverting: undefined,
    openBefore: undefined,
  }
  return update(lastAtLeast(at, withinMs + longestWorkMs), { change: preparing }, { type: "prepare", order })
}

function anotherChange(change: Change, nowMs: number): Outcome {
  const leftMs = Math.max(0, Math.ceil((change.deadlineMs - nowMs) / 1000) * 1000)
  const which =
    change.stage === "preparing"
      ? "another change is being prepared"
      : change.stage === "reverting"
        ? `a change by ${change.user} is being reverted`
        : `a change by ${change.user} waits for its confirmation, ${formatDuration(leftMs)} left`
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
