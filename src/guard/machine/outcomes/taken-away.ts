import type { RestoreReport } from "../../../firewall/restore/report.ts"
import { someOf } from "../../../report/listing.ts"
import type { Outcome } from "../../../report/outcome.ts"

/** So many lines are shown of what a restore takes away; the rest is counted. */
const mostShown = 20

type Facts = NonNullable<Outcome["facts"]>

const factsOf = (lines: readonly string[]): Facts => ({
  takenAway: lines.slice(0, mostShown),
  takenAwayCount: lines.length,
})

/** Said before a restore changes anything: rules that came since will be gone. */
export function takingAway(lines: readonly string[]): Outcome {
  return {
    event: "taking-away",
    code: "done",
    message: `going back takes away ${counted(lines)} that came since: ${someOf(lines)}`,
    facts: factsOf(lines),
  }
}

/** The outcome of a restore, with the rules that it took away. */
export function withTakenAway(outcome: Outcome, report: RestoreReport | undefined): Outcome {
  if (report?.end !== "restored" || report.takenAway.length === 0) return outcome
  const { takenAway } = report
  return {
    ...outcome,
    message: `${outcome.message}; gone with it, since they came later: ${someOf(takenAway)}`,
    facts: { ...outcome.facts, ...factsOf(takenAway) },
  }
}

const counted = ({ length }: readonly string[]): string => (length === 1 ? "one thing" : `${length} things`)
