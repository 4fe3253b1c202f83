import type { RestoreReport } from "../../../firewall/restore/report.ts"
import type { Outcome } from "../../../report/outcome.ts"

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
  const until = withinMs === 0 ? "" : `; they go back in ${withinMs / 1000} s unless that is confirmed`
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

/** The change stays. */
export function confirmed(
  id: string,
  by: "fw-apply" | "a knock",
  notice: string | undefined,
  facts: Facts,
): Outcome {
  return {
    event: "confirmed",
    code: "done",
    message: `the change is confirmed by ${by} and stays`,
    ...(notice === undefined ? {} : { hint: notice }),
    facts: { id, changed: true, by, ...facts },
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

/** The session ends, and nothing is changed any more. */
export const endingSoon = refusal("ending", "the session is ending already", "try again in a moment")
