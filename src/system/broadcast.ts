import type { Outcome } from "../report/outcome.ts"
import { findProgram } from "./process/find-program.ts"
import type { RunCommand } from "./process/run-command.ts"

/** The events that everybody on this machine should hear of; the rest is for the log and the viewer. */
const newsworthy: ReadonlySet<string> = new Set([
  "opened",
  "open-failed",
  "re-locked",
  "rolled-back",
  "rollback-failed",
  "expired",
  "not-left-behind",
  "owed-closed",
  "owed-unknown",
])
/** A terminal that does not read (Ctrl-S) holds up wall(1), not us; milliseconds. */
const tellLimitMs = 10_000
/** People get so many characters of a message; all of it is in the log. */
const longestMessage = 500
/** Messages that may be on their way at one time; more are not told. */
const mostUnderWay = 4

export interface People {
  /** Returns at once. */
  tell(outcome: Outcome): void
  /** Settles when nothing is on its way any more: for a program that ends right after. Never rejects. */
  idle(): Promise<void>
}

/**
 * Tells people what happened to the firewall: the journal or syslog by logger(1), and the terminals of logged-in users by
 * wall(1). Neither is waited for, and what is missing on a machine is left out.
 *
 * @param quiet leaves wall out
 */
export function tellPeople(run: RunCommand, quiet: boolean): People {
  const logger = findProgram("logger")
  const wall = quiet ? undefined : findProgram("wall")
  const underWay = new Set<Promise<unknown>>()
  const send = (path: string, args: readonly string[]): void => {
    if (underWay.size >= mostUnderWay) return
    const sent = run({ path, args, timeoutMs: tellLimitMs }).catch(() => {})
    underWay.add(sent)
    void sent.then(() => underWay.delete(sent))
  }
  return {
    tell(outcome) {
      const staysOpen = outcome.facts?.ends === true && outcome.facts.openSinceMs !== undefined
      if (!(newsworthy.has(outcome.event) || staysOpen) || changedNothing(outcome)) return
      const { code } = outcome
      const message = outcome.message.slice(0, longestMessage)
      const priority = code === "done" ? "daemon.notice" : "daemon.crit"
      if (logger !== undefined) send(logger, ["-t", "fw-watchdog", "-p", priority, "--", message])
      if (wall !== undefined) send(wall, [`fw-watchdog on this host: ${message}`])
    },
    async idle() {
      await Promise.all(underWay)
    },
  }
}

/** An open of what was open already; with `--plain` anybody can cause one every second. */
function changedNothing({ event, code, facts }: Outcome): boolean {
  return event === "opened" && code === "done" && facts?.changed === false && facts.cleared === undefined
}
