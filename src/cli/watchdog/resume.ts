import { join } from "node:path"
import { Fault } from "../../errors.ts"
import { findTools } from "../../firewall/tools/tool-paths.ts"
import { refuseSecondSession } from "../../guard/control/client.ts"
import { launchGuard } from "../../guard/launch/launch.ts"
import { owedBy, settleOwed } from "../../guard/reboot/pending-rollback.ts"
import { type Folders, foldersFor } from "../../guard/state/folders.ts"
import { readJournal } from "../../guard/state/journal.ts"
import { openEventLog } from "../../report/event-log.ts"
import { exitCodeFor, worstOf } from "../../report/outcome.ts"
import { tellPeople } from "../../system/broadcast.ts"
import { runCommand } from "../../system/process/run-command.ts"
import { findSystemTools } from "../../system/process/system-tools.ts"
import { systemClock } from "../../system/system-clock.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"

/**
 * `fw-watchdog resume`: a new guard goes on with the session of one that was killed: same secrets, same deadline, and what
 * was owed is still owed. Every knock gets a challenge from then on, since the nonces died with the old guard. After a
 * reboot there is no session to go on with, but a rollback may be owed: it is settled here, without a guard.
 *
 * @throws Fault `refused` when there is neither, or the session's guard is alive
 */
export async function resume(terminal: Terminal, host: ProgramHost): Promise<number> {
  if (process.geteuid?.() !== 0)
    throw new Fault("permission", "cannot resume a session without root", { hint: "sudo fw-watchdog resume" })
  const folders = foldersFor(host.env)
  if (owedBy(folders.state).length > 0 && readJournal(folders.runtime) === undefined)
    return await settle(terminal, folders)
  const ready = await launchGuard({ resume: true }, folders.runtime, host.env)
  terminal.report({
    event: "resumed",
    code: "done",
    message: `the session goes on, hearing on ${ready.devices.join(", ")}`,
    hint: "`fw-watchdog status` shows it",
    facts: { devices: ready.devices, backends: ready.backends },
  })
  for (const note of ready.notes) terminal.warn(note)
  return exitCodeFor("done")
}

async function settle(terminal: Terminal, folders: Folders): Promise<number> {
  await refuseSecondSession(folders.runtime)
  const deps = {
    run: runCommand,
    clock: systemClock,
    tools: findTools(),
    system: findSystemTools(),
  }
  const log = openEventLog(join(folders.state, "events.log"))
  const told = tellPeople(runCommand, false)
  const outcomes = await settleOwed(deps, folders)
  for (const outcome of outcomes) {
    terminal.report(outcome)
    log.write(outcome)
    told.tell(outcome)
  }
  await Promise.all([log.close(), told.idle()])
  return exitCodeFor(worstOf(outcomes.map(({ code }) => code)))
}
