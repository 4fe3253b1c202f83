import type { KnockOrigin, Survey } from "../../../firewall/obstacles/obstacle.ts"
import type { Outcome } from "../../../report/outcome.ts"
import { type At, effect, replaceTask, taskOf, update, withoutTask } from "../at.ts"
import type { Effect } from "../effect.ts"
import type { EffectEnd } from "../event.ts"
import { openOutcome, wasOpen } from "../outcomes/open.ts"
import { openFacts, tellOpen } from "../outcomes/open-since.ts"
import {
  type Change,
  type OpenTask,
  type SessionRecord,
  type SnapshotRef,
  stillDropping,
  type Task,
} from "../record.ts"
import { isInLine } from "./change.ts"
import { openedSince } from "./openness.ts"
import { unwatch, watch } from "./watch.ts"

/** The wait before an owed rollback that failed is tried again, in milliseconds; twice as long each time after. */
export const firstRetryMs = 10_000
/** How long after an open its snapshot is proven, in milliseconds: whoever knocked comes first. */
const proveAfterMs = 3000

type End<Type> = Extract<EffectEnd, { readonly type: Type }>

/** Opens the firewall. The commit goes out at once, whatever else is under way. */
export function askOpen(at: At, hard: boolean, origin?: KnockOrigin, knock?: number): At {
  const last = at.record.tasks.at(-1)
  const joined = last?.kind === "open" && last.hard === hard && hasNotBegun(last) ? last : undefined
  const task = joined ?? newTask(at, hard, origin)
  const others = at.record.tasks.filter(({ id }) => id !== task.id)
  const elsewhere = origin?.source !== task.origin?.source || origin?.device !== task.origin?.device
  const waits = knock === undefined ? [] : [{ knock, told: false, elsewhere }]
  return ask(at, [...others, { ...task, stage: "committing", knocks: [...task.knocks, ...waits] }], {
    // One that is on its way is this one's too.
    commits: joined?.stage !== "committing",
    id: task.id,
    hard,
  })
}

/** It has looked at nothing yet, so it will see all that is so now. */
const hasNotBegun = ({ stage }: OpenTask): boolean => stage === "committing" || stage === "committed"

function newTask({ record }: At, hard: boolean, origin: KnockOrigin | undefined): OpenTask {
  return {
    kind: "open",
    id: record.lastTask + 1,
    knocks: [],
    hard,
    origin,
    stage: "committing",
    again: record.tasks.some(({ kind }) => kind === "restore"),
    answered: false,
    answeredMs: 0,
    committedMs: 0,
    commitFailures: [],
    changed: false,
    kept: false,
    keepFailures: [],
    rounds: 0,
    settleFailures: [],
    dropping: [],
    cleared: undefined,
  }
}

function ask(
  at: At,
  tasks: readonly Task[],
  { id, hard, commits }: { readonly id: number; readonly hard: boolean; readonly commits: boolean },
): At {
  const { record } = at
  const { openForMs } = record.configuration
  const mark: readonly Effect[] = record.marked === undefined ? [{ type: "mark", state: "begun" }] : []
  const commit: readonly Effect[] = commits ? [{ type: "commit", task: id, hard }] : []
  return update(
    at,
    {
      tasks,
      lastTask: Math.max(record.lastTask, id),
      marked: record.marked ?? "begun",
      debt:
        // An open that the session ends with is meant to last.
        openForMs > 0 && record.ending === undefined
          ? { dueMs: at.nowMs + openForMs, retryMs: firstRetryMs, open: id }
          : record.debt,
    },
    ...mark,
    ...commit,
  )
}

/** Step 1 is in the kernel: those who knocked are told, in their order, before anything slow begins. */
export function committed(at: At, event: End<"committed">): At {
  const task = taskOf(at, event.task, "open")
  if (task === undefined) return at
  const first = !task.answered
  const next = replaceTask(at, {
    ...task,
    stage: "committed",
    knocks: task.knocks.map((one) => ({ ...one, told: true })),
    answered: true,
    answeredMs: first ? at.nowMs : task.answeredMs,
    committedMs: first ? event.tookMs : task.committedMs,
    commitFailures: [...new Set([...task.commitFailures, ...event.failures])],
  })
  const verdict = event.failures.length === 0 ? "opened" : "open-failed"
  const answers = task.knocks
    .filter(({ told }) => !told)
    .map(({ knock }): Effect => ({ type: "answer", knock, verdict, verified: false }))
  return unwatch(effect(next, ...answers))
}

/** Goes on with an open that is the first in line. */
export function goOnOpening(at: At, task: OpenTask): At {
  if (task.stage !== "committed") return at
  if (task.again)
    return effect(replaceTask(at, { ...task, stage: "committing", again: false }), {
      type: "commit",
      task: task.id,
      hard: task.hard,
    })
  return keep(at, task)
}

function keep(at: At, task: OpenTask): At {
  const { cutOff, lastOpen, arming, openSince } = at.record
  return effect(replaceTask(at, { ...task, stage: "keeping" }), {
    type: "keep",
    task: task.id,
    always: task.hard,
    isOpen: openSince !== undefined,
    ...{ cutOff, lastOpen, arming },
  })
}

/** The rules from before are kept; only behind that, and its word on disk, they are taken away. */
export function kept(at: At, event: End<"kept">): At {
  const task = taskOf(at, event.task, "open")
  if (task === undefined) return at
  const { snapshot, failures } = event
  const next = replaceTask(at, {
    ...task,
    stage: "settling",
    kept: snapshot !== undefined,
    keepFailures: failures,
  })
  const settle: Effect = { type: "settle", task: task.id }
  if (snapshot === undefined) return effect(next, settle)
  return update(
    next,
    {
      ...lastOpenIs(at.record, snapshot),
      proveMs: at.nowMs + proveAfterMs,
      marked: "kept",
      change: openedOver(at),
    },
    { type: "mark", state: "kept" },
    settle,
  )
}

/** An undo goes back to these rules, and so to the open that was in force with them. */
function lastOpenIs(
  { lastOpen, openSince, openBefore }: SessionRecord,
  snapshot: SnapshotRef,
): Pick<SessionRecord, "lastOpen" | "openBefore"> {
  // The open that a killed guard had begun is the same one.
  return { lastOpen: snapshot, openBefore: snapshot === lastOpen ? openBefore : openSince }
}

/** The change, when an open takes its rules away. One that is in line behind the open will be in force all the same. */
function openedOver(at: At): Change | undefined {
  const { change } = at.record
  const isAhead = change?.stage === "preparing" || change?.stage === "writing" || isInLine(at)
  return change === undefined || isAhead ? change : { ...change, opened: true }
}

/** All is flushed and listed again. */
export function settled(at: At, event: End<"settled">): At {
  const found = taskOf(at, event.task, "open")
  if (found === undefined) return at
  const task: OpenTask = {
    ...found,
    rounds: found.rounds + 1,
    changed: found.changed || event.changed,
    settleFailures: event.failures,
    dropping: event.dropping,
  }
  // Another writer that had read the rules before our commit and wrote them after it undid the open: once more.
  if (event.dropping.length > 0 && task.rounds === 1) {
    if (task.kept || task.keepFailures.length > 0)
      return effect(replaceTask(at, { ...task, stage: "settling" }), { type: "settle", task: task.id })
    return keep(at, task)
  }
  if (task.hard)
    return effect(replaceTask(at, { ...task, stage: "clearing" }), { type: "clear", task: task.id })
  return survey(at, task)
}

/** The steps that `--hard` adds are done. */
export function cleared(at: At, event: End<"cleared">): At {
  const task = taskOf(at, event.task, "open")
  return task === undefined ? at : survey(at, { ...task, dropping: event.dropping, cleared: event.report })
}

/** How long a survey may take, in milliseconds, at least and at most. */
const surveyMs = { least: 300, most: 1500 }
/** Whoever knocked waits this long for the verified answer behind the first one, in milliseconds, and a little longer. */
const verifiedWithinMs = 2500

function survey(at: At, task: OpenTask): At {
  const { id, origin } = task
  const leftMs = verifiedWithinMs - (at.nowMs - task.answeredMs)
  const limitMs = Math.min(surveyMs.most, Math.max(surveyMs.least, leftMs))
  // Nobody asks any more what else could stop packets.
  if (at.record.ending !== undefined) return opened(at, task, undefined)
  return effect(replaceTask(at, { ...task, stage: "surveying" }), {
    type: "survey",
    task: id,
    origin,
    limitMs,
  })
}

/** Everything is known of an open that can be. */
export function surveyed(at: At, event: End<"surveyed">): At {
  const task = taskOf(at, event.task, "open")
  return task === undefined ? at : opened(at, task, event.survey)
}

/** Everybody is told who opened. */
function byName(outcome: Outcome, name: string | undefined): Outcome {
  if (name === undefined) return outcome
  return { ...outcome, message: `${outcome.message} (knock of ${name})`, facts: { ...outcome.facts, name } }
}

function opened(at: At, task: OpenTask, found: Survey | undefined): At {
  const { dropping, cleared: hard } = task
  const before = withoutTask(at, task.id)
  const others = before.record.tasks.some(({ kind }) => kind === "open")
  // A table with an owner is in the listing already.
  const outOfReach = hard?.left.filter((line) => dropping.length === 0 || !line.startsWith("table ")) ?? []
  // What failed on the way and was made good by a later step is no failure.
  const isOpen = dropping.length === 0 && task.settleFailures.length === 0
  const failures = [
    ...(isOpen ? [] : [...task.commitFailures, ...task.settleFailures]),
    ...task.keepFailures,
    ...(hard?.failures ?? []),
  ]
  const marked = others ? "begun" : undefined
  const next = update(
    watch(openedSince(before, task, isOpen), dropping, outOfReach, found),
    {
      opens: at.record.opens + 1,
      marked,
      cutOff: undefined,
      change: task.changed ? openedOver(at) : at.record.change,
    },
    { type: "mark", state: marked },
  )
  const { committedMs, changed, knocks } = task
  const end = {
    committedMs,
    changed,
    failures,
    stillDropping: stillDropping(next.record),
    hard,
    survey: found,
  }
  const outcome = byName(openOutcome(end), task.origin?.name)
  // A commit that failed half-way may have changed what the settling then found open.
  const already = wasOpen(end) && task.commitFailures.length === 0
  const verdict = failures.length > 0 ? "open-failed" : already ? "open-already" : "opened"
  const answers = knocks.map(
    ({ knock, elsewhere }): Effect => ({
      type: "answer",
      knock,
      verdict,
      verified: true,
      ...(elsewhere && { elsewhere }),
    }),
  )
  return effect(next, ...answers, {
    type: "emit",
    outcome: tellOpen(outcome, openFacts(next.record), at.wallMs),
  })
}
