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
}

/** The outcome of an open, as everybody is told. */
export function openOutcome({ committedMs, changed, failures, stillDropping, hard }: OpenEnd): Outcome {
  const facts = {
    committedMs,
    changed,
    failures,
    stillDropping: stillDropping.slice(0, mostListed),
    ...(hard === undefined ? {} : { cleared: hard.cleared, left: hard.left }),
  }
  if (failures.length > 0)
    return lookNow("open-failed", `the open did not work completely: ${someOf(failures)}`, facts)
  if (stillDropping.length > 0) {
    const message = `opened, but ${stillDropping.length} can still drop: ${someOf(stillDropping)}`
    return lookNow("opened", message, facts)
  }
  const message = changed || hard !== undefined ? "the firewall is open" : "the firewall was open already"
  return { event: "opened", code: "done", message, facts }
}
