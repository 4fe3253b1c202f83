import { type At, effect, update } from "./at.ts"
import type { Effect } from "./effect.ts"
import type { SessionEvent } from "./event.ts"
import type { SessionRecord } from "./record.ts"
import { applyRefused, revertWhenDue, takeUpChange } from "./transitions/change.ts"
import { command } from "./transitions/command.ts"
import { compared } from "./transitions/confirmation.ts"
import { askEnd, endWhenDone, endWhenTooLong, left } from "./transitions/end.ts"
import { knock, plain } from "./transitions/knock.ts"
import { askOpen, cleared, committed, goOnOpening, kept, settled, surveyed } from "./transitions/open.ts"
import { prepared, prepareRefused, written } from "./transitions/prepare.ts"
import { proven, proveWhenDue } from "./transitions/proof.ts"
import { payDebtWhenDue, restored, startRestoring } from "./transitions/restore.ts"
import { expireSecrets, secretsRead } from "./transitions/secrets.ts"
import { looked, lookWhenDue } from "./transitions/watch.ts"

/** The next record, and what is to be done, in this order. */
export interface Step {
  readonly record: SessionRecord
  readonly effects: readonly Effect[]
}

/**
 * One step of a session: the whole of what follows from an event. Pure: the same record, event and time give the same step.
 * Whatever has to survive a kill is written before the effects that rely on it go out. Only the mark and the commit of an open
 * go out before that, since somebody waits for them; the mark says enough to make up for the rest.
 *
 * @param nowMs the boot clock
 * @param wallMs the wall clock: told, and what the expiry of a secret goes by
 */
export function step(record: SessionRecord, event: SessionEvent, nowMs: number, wallMs: number): Step {
  if (record.over) return { record, effects: [] }
  const next = advance(follow({ record, effects: [], nowMs, wallMs }, event))
  return { record: next.record, effects: writtenFirst(record, next) }
}

function follow(at: At, event: SessionEvent): At {
  switch (event.type) {
    case "begin":
      return begin(at)
    case "knock":
      return knock(at, event)
    case "plain":
      return plain(at, event)
    case "command":
      return command(at, event)
    case "moment":
      return moment(at)
    case "told-to-end":
      return askEnd(at, event.how, event.message)
    case "secrets-read":
      return secretsRead(at, event.secrets)
    case "committed":
      return committed(at, event)
    case "kept":
      return kept(at, event)
    case "settled":
      return settled(at, event)
    case "cleared":
      return cleared(at, event)
    case "restored":
      return restored(at, event)
    case "apply-refused":
      return applyRefused(at, event)
    case "prepared":
      return prepared(at, event)
    case "prepare-refused":
      return prepareRefused(at, event)
    case "compared":
    case "not-compared":
      return compared(at, event)
    case "left":
      return left(at, event)
    case "written":
      return written(at, event.ok)
    case "surveyed":
      return surveyed(at, event)
    case "proven":
      return proven(at, event)
    case "looked":
      return looked(at, event)
  }
}

/** The session is armed, or goes on: what a killed guard left half-done is taken up. */
function begin(at: At): At {
  const { configuration, resumed, cutOff, endsAtMs, arming } = at.record
  const how = resumed ? "resumed" : "armed"
  const { onExpiry, dryRun, armedBy, timeoutMs, forChange } = configuration
  const facts = { timeoutSeconds: timeoutMs / 1000, onExpiry, dryRun, ...armedBy }
  const said = update(
    at,
    { endsAtMs: resumed ? endsAtMs : at.nowMs + timeoutMs },
    { type: "write" },
    { type: "emit", outcome: { event: how, code: "done", message: how, facts } },
  )
  const opened = cutOff === undefined || dryRun ? said : askOpen(said, false)
  const begun = takeUpChange(opened)
  // A change proves its own revert.
  if (arming === undefined || forChange === true) return begun
  return effect(begun, { type: "prove", snapshot: arming, restore: "a rollback" })
}

/** The parts of a record that a guard goes on with when the one before it was killed. */
const surviving = [
  "configuration",
  "endsAtMs",
  "debt",
  "arming",
  "lastOpen",
  "change",
  "lastChange",
  "noUndo",
  "openSince",
  "openBefore",
  "openAtArming",
  "changeOverMs",
] as const satisfies readonly (keyof SessionRecord)[]

/** The effects of a step, with the record written ahead of those that rely on it. */
function writtenFirst(before: SessionRecord, { record, effects }: At): readonly Effect[] {
  if (effects.some(({ type }) => type === "write")) return effects
  if (surviving.every((part) => before[part] === record[part])) return effects
  const waitedFor = effects.findIndex(
    (one) => one.type !== "commit" && !(one.type === "mark" && one.state === "begun"),
  )
  const place = waitedFor < 0 ? effects.length : waitedFor
  return [...effects.slice(0, place), { type: "write" }, ...effects.slice(place)]
}

/** Goes on with the task that is the first in line; one that ends at once makes room for the next. */
function advance(at: At): At {
  let now = at
  for (;;) {
    const [task] = now.record.tasks
    if (task === undefined) return endWhenDone(now)
    const next = task.kind === "open" ? goOnOpening(now, task) : startRestoring(now, task)
    if (next.record.tasks[0]?.id === task.id) return next
    now = next
  }
}

/** Follows the clock: everything that is due. */
function moment(at: At): At {
  const { record, nowMs } = at
  if (record.ending !== undefined) return endWhenTooLong(at)
  if (nowMs >= record.endsAtMs) return askEnd(at, "expired", "the session expired")
  if (record.changeOverMs !== undefined && nowMs >= record.changeOverMs)
    return askEnd(at, "change-over", "the change is over, and so is its session")
  return proveWhenDue(lookWhenDue(revertWhenDue(payDebtWhenDue(expireSecrets(at)))))
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
    change?.stage === "comparing" ? change.confirming?.limitMs : undefined,
    record.watch.nextMs,
    record.proveMs,
  ]
  return Math.min(...moments.map((moment) => moment ?? Number.POSITIVE_INFINITY))
}
