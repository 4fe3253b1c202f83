import type { RestoreReport } from "../../../firewall/restore/report.ts"
import { formatDuration } from "../../../report/duration.ts"
import { someOf } from "../../../report/listing.ts"
import type { Outcome } from "../../../report/outcome.ts"
import { timeOfDay } from "../../../report/time-of-day.ts"
import type { LastChange } from "../change.ts"

/** Facts of a change. Every outcome carries the change's `id`, and `changed`: whether anything is other than before. */
type Facts = NonNullable<Outcome["facts"]>

/** Tables and sets that are not as they should be, without those that were left alone on purpose. */
export function unexpected(report: RestoreReport): string[] {
  const left = new Set(report.left.map(({ where }) => where))
  return report.differences
    .filter(({ where, kind }) => kind !== "unread" && !left.has(where))
    .map(({ where }) => where)
}

/** The change is in force. */
export function applied(id: string, withinMs: number, facts: Facts): Outcome {
  const until = withinMs === 0 ? "" : `; they go back in ${formatDuration(withinMs)} unless that is confirmed`
  return {
    event: "applied",
    code: "done",
    message: `the new rules are in force${until}`,
    facts: { id, changed: true, ...facts },
  }
}

/** It was in force already. */
export function unchanged(id: string): Outcome {
  return {
    event: "unchanged",
    code: "done",
    message: "these rules are in force already",
    facts: { id, changed: false },
  }
}

/** Not applied, or not whole, and everything is as it was: what came of putting it back decides. */
export function notApplied(id: string, why: string, back: RestoreReport | undefined): Outcome {
  const facts = { id, changed: false, failures: [why, ...(back?.failures ?? [])] }
  if (back === undefined || isBack(back))
    return {
      event: "apply-failed",
      code: "rolled-back",
      message: `the new rules could not be put in force: ${why}`,
      hint: "the rules from before are in force, whole",
      facts,
    }
  return {
    event: "apply-failed",
    code: "state-unknown",
    message: `the new rules could not be put in force (${why}), nor the old ones put back: ${troubleOf(back)}`,
    hint: lookNow,
    facts: { ...facts, changed: true },
  }
}

/** The outcome of a revert. @param report undefined when the rules from before are lost */
export function reverted(id: string, why: string, report: RestoreReport | undefined): Outcome {
  const facts = { id, why, failures: report?.failures ?? [] }
  if (report !== undefined && isBack(report))
    return {
      event: "rolled-back",
      code: "rolled-back",
      message: `${why}: the rules from before the change are in force again`,
      facts: { ...facts, changed: false },
    }
  const trouble = report === undefined ? "they are lost" : troubleOf(report)
  return {
    event: "rollback-failed",
    code: "state-unknown",
    message: `${why}: could not put back the rules from before the change: ${trouble}`,
    hint: lookNow,
    facts: { ...facts, changed: true },
  }
}

/** So many lines of what differs from a change are told. */
const mostDiffering = 20

/** The change stays, and what is in force with it. */
export function confirmed(
  end: {
    readonly id: string
    readonly by: "fw-apply" | "a knock"
    readonly notice: string | undefined
    /** The lines by which what is in force is not what was applied. */
    readonly differs: readonly string[]
    /** The reason why nobody knows. */
    readonly notCompared: string | undefined
  },
  facts: Facts,
): Outcome {
  const { id, by, notice, differs, notCompared } = end
  const beside =
    notCompared !== undefined
      ? `, but what is in force could not be compared with it: ${notCompared}`
      : differs.length > 0
        ? `, as it is in force now, which is not as it was applied: ${someOf(differs)}`
        : ""
  return {
    event: "confirmed",
    code: "done",
    message: `the change is confirmed by ${by} and stays${beside}`,
    ...(notice === undefined ? {} : { hint: notice }),
    facts: {
      ...{ id, changed: true, by, differs: differs.slice(0, mostDiffering), notCompared },
      ...facts,
    },
  }
}

/** Nothing was done, and here is why. */
export function refusal(event: string, message: string, hint: string, facts: Facts = {}): Outcome {
  return { event, code: "refused", message, hint, facts: { changed: false, ...facts } }
}

const lookNow = "look at the rules now; `fw-watchdog status` shows the session, a knock opens the firewall"

function isBack(report: RestoreReport): boolean {
  return (report.end === "restored" || report.end === "nothing-to-do") && unexpected(report).length === 0
}

function troubleOf(report: RestoreReport): string {
  if (report.failures.length > 0) return report.failures.join("; ")
  return `something differs: ${unexpected(report).join(", ")}`
}

/** The hint for whoever confirms over an old connection. */
export const fromNewConnection =
  "open a new connection and confirm there, such as: ssh HOST sudo fw-apply confirm (a master connection is not new: ssh -S none)"

/** A revert was asked for before the change had changed anything: it will not. */
export function calledOff(id: string, why: string): Outcome {
  const message = `${why}: nothing had been changed yet, and nothing will be`
  return { event: "called-off", code: "done", message, facts: { id, changed: false } }
}

/** There is no change to confirm or to take back. */
export const nothingWaits = refusal(
  "nothing-to-confirm",
  "no change is waiting",
  "`fw-watchdog status` shows the session",
)

/** The same, with what became of the latest one. */
export function noChangeWaits(last: LastChange | undefined, nowMs: number): Outcome {
  if (last === undefined) return nothingWaits
  const { event, message, facts } = last.outcome
  const at = timeOfDay(last.atMs, nowMs)
  const told = { id: last.id, endedMs: last.atMs }
  if (event === "confirmed")
    return {
      ...nothingWaits,
      message: `no change is waiting: the last one was confirmed at ${at}`,
      facts: told,
    }
  if (event !== "rolled-back")
    return {
      ...nothingWaits,
      message: `no change is waiting: the last one ended at ${at}: ${message}`,
      facts: told,
    }
  const why = String(facts?.why ?? "")
  return refusal(
    nothingWaits.event,
    `too late: the change went back at ${at}: ${why}`,
    "apply the change again",
    {
      ...told,
      why,
    },
  )
}

/** The session ends, and nothing is changed any more. */
export const endingSoon = refusal("ending", "the session is ending already", "try again in a moment")
