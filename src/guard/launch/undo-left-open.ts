import { join } from "node:path"
import { Fault, reasonOf } from "../../errors.ts"
import { restoreProvable } from "../../firewall/restore/restore-provable.ts"
import { openEventLog } from "../../report/event-log.ts"
import type { Outcome } from "../../report/outcome.ts"
import { timeOfDay } from "../../report/time-of-day.ts"
import { tellPeople } from "../../system/broadcast.ts"
import { runCommand } from "../../system/process/run-command.ts"
import { systemClock } from "../../system/system-clock.ts"
import { openControlSocket } from "../control/server.ts"
import { nothingToUndo } from "../machine/outcomes/open-since.ts"
import { outcomeOfRestore } from "../machine/outcomes/restore.ts"
import { tellsTakingAway, withTakenAway } from "../machine/outcomes/taken-away.ts"
import { type Folders, preparePrivateFolder, usableStateFolder } from "../state/folders.ts"
import { type LeftFile, readLeft, writeLeft } from "../state/left-file.ts"
import { Snapshots } from "../state/snapshots.ts"

/**
 * `fw-watchdog undo` where no session is armed: puts back the rules from before the open that the last session has left, once.
 * Holds the control socket meanwhile, as a session does, so that nothing is armed and nobody else undoes.
 * @param say takes what is to be known before anything is changed, and all else that happens on the way
 * @throws Fault `refused` when a session is armed after all, `configuration` when what was left cannot be trusted
 */
export async function undoLeftOpen(folders: Folders, say: (outcome: Outcome) => void): Promise<Outcome> {
  const early = readLeft(folders.runtime)
  if (early?.open === undefined) return nothingToUndo(whyNot(early), systemClock.wallMs())
  preparePrivateFolder(folders.runtime)
  const busy = { error: "rules are being put back without a session" }
  const control = await openControlSocket(folders.runtime, { handle: (_, reply) => reply(busy) })
  try {
    const left = readLeft(folders.runtime)
    if (left?.open === undefined) return nothingToUndo(whyNot(left), systemClock.wallMs())
    return await undo(folders, left, say)
  } finally {
    await control.close()
  }
}

const whyNot = (left: LeftFile | undefined): Parameters<typeof nothingToUndo>[0] =>
  left?.undoneMs === undefined ? { why: "no-session" } : { why: "undone", atMs: left.undoneMs }

async function undo(folders: Folders, left: LeftFile, say: (outcome: Outcome) => void): Promise<Outcome> {
  const stateFolder = usableStateFolder(folders, [])
  const log = openEventLog(join(stateFolder, "events.log"))
  const people = tellPeople(runCommand, left.quiet)
  const emit = (outcome: Outcome): void => {
    log.write(outcome)
    people.tell(outcome)
  }
  const tell = (outcome: Outcome): void => {
    emit(outcome)
    say(outcome)
  }
  try {
    const outcome = await putBack(folders.runtime, stateFolder, left, tell)
    emit(outcome)
    return outcome
  } finally {
    await Promise.all([log.close(), people.idle()])
  }
}

async function putBack(
  runtimeFolder: string,
  stateFolder: string,
  left: LeftFile,
  tell: (outcome: Outcome) => void,
): Promise<Outcome> {
  const { open } = left
  const nowMs = systemClock.wallMs()
  const snapshots = new Snapshots({
    ...{ run: runCommand, clock: systemClock, emit: tell, procNet: "/proc/self/net" },
    ...{ stateFolder, runtimeFolder },
  })
  await snapshots.finishInterrupted()
  const wanted = snapshots.get(snapshots.load(open?.snapshot ?? ""))
  if (open === undefined || wanted === undefined) {
    remember(runtimeFolder, { ...left, ...(open && { open: { ...open, snapshot: "" } }) })
    return nothingToUndo({ why: "lost" }, nowMs)
  }
  const rules = `the rules from before the open at ${timeOfDay(open.since.atMs, nowMs)}`
  try {
    const { deps } = snapshots
    const { report } = await restoreProvable({ ...deps, runHere: deps.run }, wanted, {
      folder: snapshots.restoreFolder,
      beforeChanging: tellsTakingAway(tell),
    })
    const { open: _, ...rest } = left
    const partly = { ...left, open: { ...open, since: { ...open.since, whole: false } } }
    if (report.ok) {
      const older = open.earlier && { open: { since: open.earlier, snapshot: "" } }
      remember(runtimeFolder, { ...rest, ...older, undoneMs: systemClock.wallMs() })
    } else if (report.end !== "put-back") remember(runtimeFolder, partly)
    return withTakenAway(outcomeOfRestore(rules, report), report)
  } catch (thrown) {
    return {
      event: "rollback-failed",
      code: "rolled-back",
      message: `could not put back ${rules}: ${reasonOf(thrown)}`,
      hint: "the rules are as they were a moment ago",
    }
  }
}

/** Writes down how it is now. A folder that takes no more of it keeps what was written before: another undo finds nothing to do. */
function remember(runtimeFolder: string, left: LeftFile): void {
  try {
    writeLeft(runtimeFolder, left)
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
  }
}
