import type { RestoreReport } from "../../../firewall/restore/report.ts"
import { someOf } from "../../../report/listing.ts"
import type { Outcome } from "../../../report/outcome.ts"

/**
 * The outcome of a restore, as everybody is told.
 * @param rules which ones, as a plural: "the rules in force at arming"
 */
export function outcomeOfRestore(rules: string, report: RestoreReport): Outcome {
  const facts = {
    end: report.end,
    failures: report.failures,
    left: report.left.map(({ where, why }) => `${where}: ${why}`),
  }
  switch (report.end) {
    case "nothing-to-do":
      if (report.ok)
        return { event: "rolled-back", code: "done", message: `${rules} are in force already`, facts }
      return lookNow("rolled-back", `${rules} are in force already, but for ${exceptions(report)}`, facts)
    case "restored":
      if (report.ok)
        return { event: "rolled-back", code: "done", message: `${rules} are in force again`, facts }
      return lookNow("rolled-back", `${rules} are in force again, but for ${exceptions(report)}`, facts)
    case "put-back":
      return {
        event: "rollback-failed",
        code: "rolled-back",
        message: `could not put back ${rules}: ${report.failures.join("; ")}`,
        hint: "the rules are as they were a moment ago",
        facts,
      }
    case "half":
      return lookNow(
        "rollback-failed",
        `putting back ${rules} ended half-way: ${report.failures.join("; ")}`,
        facts,
      )
  }
}

/** Everything that is not as it was, each with what is known of it: left alone, not readable, or other than it should be. */
export function exceptions({ left, differences }: RestoreReport): string {
  const why = new Map(left.map((one) => [one.where, one.why]))
  return someOf(
    differences.map(({ where, kind, lines }) => {
      if (kind === "unread") return `${where}, which cannot be read (${lines.join(" ")})`
      const reason = why.get(where)
      return reason === undefined ? `${where}, which differs` : `${where}, which was left alone (${reason})`
    }),
  )
}

/** Something that somebody has to look at. */
export function lookNow(event: string, message: string, facts: NonNullable<Outcome["facts"]>): Outcome {
  const hint = "look at the rules now; `fw-watchdog status` shows the session"
  return { event, code: "state-unknown", message, hint, facts }
}

/** There is no snapshot of arming to go back to. */
export function nothingToRestore(): Outcome {
  return { event: "nothing-to-undo", code: "refused", message: "no rules were kept at arming" }
}
