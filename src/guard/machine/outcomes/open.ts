import type { Survey } from "../../../firewall/obstacles/obstacle.ts"
import type { HardReport } from "../../../firewall/open/hard-report.ts"
import { mostListed, someOf } from "../../../report/listing.ts"
import type { Outcome } from "../../../report/outcome.ts"
import { lookNow } from "./restore.ts"

/** All that is known of an open when it has settled. */
export interface OpenEnd {
  readonly committedMs: number
  readonly changed: boolean
  readonly failures: readonly string[]
  readonly stillDropping: readonly string[]
  /** With `--hard`. */
  readonly hard: HardReport | undefined
  /** Undefined where nobody looked. */
  readonly survey: Survey | undefined
}

/** Nothing was in the way: there was nothing to change. */
export function wasOpen({ changed, failures, stillDropping, hard }: OpenEnd): boolean {
  return !changed && hard === undefined && failures.length === 0 && stillDropping.length === 0
}

/** The outcome of an open, as everybody is told. */
export function openOutcome(end: OpenEnd): Outcome {
  const { committedMs, changed, failures, stillDropping, hard, survey } = end
  const facts = {
    committedMs,
    changed,
    failures,
    stillDropping: stillDropping.slice(0, mostListed),
    ...(hard === undefined ? {} : { cleared: hard.cleared, left: hard.left }),
    ...(survey === undefined ? {} : surveyFacts(survey)),
  }
  if (failures.length > 0)
    return lookNow("open-failed", `the open did not work completely: ${someOf(failures)}`, facts)
  if (stillDropping.length > 0) {
    const message = `opened, but ${stillDropping.length} can still drop: ${someOf(stillDropping)}`
    return lookNow("opened", message, facts)
  }
  const message = wasOpen(end) ? "the firewall was open already" : "the firewall is open"
  const hint = surveyHint(survey)
  return { event: "opened", code: "done", message, ...(hint === "" ? {} : { hint }), facts }
}

/** The same, in words, for `--json`: everything an open left alone, and all that nobody could look for. */
export function surveyFacts({ found, notLooked }: Survey): { mayStop: string[]; notLookedAt: string[] } {
  return {
    mayStop: found.slice(0, mostListed).map(({ kind, where }) => `${kind}: ${where}`),
    notLookedAt: notLooked.slice(0, mostListed).map(({ kind, why }) => `${kind}: ${why}`),
  }
}

function surveyHint(survey: Survey | undefined): string {
  if (survey === undefined) return ""
  const { mayStop, notLookedAt } = surveyFacts(survey)
  return [
    ...(mayStop.length > 0 ? [`what an open leaves alone and can stop packets: ${someOf(mayStop)}`] : []),
    ...(notLookedAt.length > 0 ? [`not looked at: ${someOf(notLookedAt)}`] : []),
  ].join("; ")
}

/**
 * Rules that drop are there again. Who wrote them nobody can tell: a terminal that was in use just then may have.
 * @param terminals those that were in use since the look before
 */
export function reLockedOutcome(
  fresh: readonly string[],
  reLocks: number,
  terminals: readonly string[],
): Outcome {
  const facts = { dropping: fresh.slice(0, mostListed), reLocks, terminals: [...terminals] }
  const common = { event: "re-locked", code: "state-unknown", facts } as const
  if (terminals.length === 0)
    return {
      ...common,
      message: `something locks again: ${someOf(fresh)}`,
      hint: "stop what loads these rules, then knock again",
    }
  const used = `${terminals.length === 1 ? "a terminal was" : "terminals were"} in use just then: ${someOf(terminals)}`
  return {
    ...common,
    message: `rules that drop were added since the open: ${someOf(fresh)}; ${used}`,
    hint: "if it was you, all is well; else stop what loads these rules, then knock again",
  }
}
