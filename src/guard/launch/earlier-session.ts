import { Fault, reasonOf } from "../../errors.ts"
import { forgetOwed, owedBy } from "../reboot/pending-rollback.ts"
import { type Journal, readJournal, removeJournal } from "../state/journal.ts"
import { type LeftFile, removeLeft, writeLeft } from "../state/left-file.ts"
import type { GuardOrder } from "./order.ts"

/** The journal to go on with; a new session may replace one that owes nothing, and takes over what that would have left. */
export function takeUp(order: GuardOrder, runtimeFolder: string, notes: string[]): Journal | undefined {
  const journal = readJournal(runtimeFolder)
  if ("resume" in order || order.standing || journal === undefined) return journal
  const { configuration, change, opening, closeAgainMs } = journal
  if (opening !== undefined)
    throw new Fault("refused", "an earlier session was cut off in the middle of an open", {
      hint: "`fw-watchdog resume` ends that open and goes on with the session, `fw-watchdog disarm` then ends it",
    })
  const owesAtEnd = configuration.onExpiry !== "disarm" || closeAgainMs > 0
  if ((owesAtEnd && !configuration.dryRun) || change !== undefined)
    throw new Fault("refused", "an earlier session was cut off and still owes something", {
      hint: "`fw-watchdog resume` goes on with it, `fw-watchdog disarm` then gives it up",
    })
  removeJournal(runtimeFolder)
  try {
    const left = leftOf(journal)
    if (left === undefined) removeLeft(runtimeFolder)
    else writeLeft(runtimeFolder, left)
  } catch (thrown) {
    notes.push(`nobody knows what an earlier session that was cut off has left open: ${reasonOf(thrown)}`)
  }
  return undefined
}

function leftOf(journal: Journal): LeftFile | undefined {
  const { configuration, openSince, openBefore, lastOpenSnapshot, lastChange } = journal
  if (openSince === undefined && lastChange === undefined) return undefined
  const earlier = openBefore === undefined ? {} : { earlier: openBefore }
  return {
    ...{ version: 1, bootId: journal.bootId, quiet: configuration.quiet },
    ...(openSince === undefined
      ? {}
      : { open: { since: openSince, snapshot: lastOpenSnapshot, ...earlier } }),
    ...(lastChange === undefined ? {} : { lastChange }),
  }
}

/** Who arms got in, so nobody is locked out by what a session of another boot had left; a reboot's `resume` comes first. */
export function giveUpOwed(stateFolder: string, notes: string[]): void {
  for (const by of owedBy(stateFolder)) {
    forgetOwed(stateFolder, by)
    notes.push(`an earlier ${by} owed a rollback when its guard was cut off; it is given up now`)
  }
}
