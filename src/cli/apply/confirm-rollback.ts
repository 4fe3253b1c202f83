import { Fault } from "../../errors.ts"
import { askOnce, NoGuard } from "../../guard/control/client.ts"
import type { ControlCommand } from "../../guard/control/commands.ts"
import { noChangeWaits } from "../../guard/machine/outcomes/change.ts"
import { foldersFor } from "../../guard/state/folders.ts"
import { hasJournal } from "../../guard/state/journal.ts"
import { readLeft } from "../../guard/state/left-file.ts"
import { exitCodeFor, type Outcome } from "../../report/outcome.ts"
import { systemClock } from "../../system/system-clock.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"
import { saveAsConfirmed } from "./save.ts"

/**
 * `fw-apply confirm`: keeps the change that waits. The guard finds out by itself over which connection this process came.
 * @throws Fault `refused` when no session is armed, and none has left word of a change
 */
export async function confirm(terminal: Terminal, host: ProgramHost): Promise<number> {
  const outcome = await confirmation(host)
  const saves = outcome.event === "confirmed" && outcome.facts?.save === true
  const end = saves ? await saveAsConfirmed(outcome, terminal) : outcome
  terminal.report(end)
  return exitCodeFor(end.code)
}

/**
 * `fw-apply rollback`: takes the change back now. Done when it has gone back: that is what was asked for.
 * @throws Fault `refused` when no session is armed
 */
export async function rollback(terminal: Terminal, host: ProgramHost): Promise<number> {
  const outcome = await ask(host, { command: "rollback", by: "fw-apply rollback" })
  const asked: Outcome = outcome.event === "rolled-back" ? { ...outcome, code: "done" } : outcome
  terminal.report(asked)
  return exitCodeFor(asked.code)
}

/** The guard's answer; when its session is over with the change already, how that ended. */
async function confirmation(host: ProgramHost): Promise<Outcome> {
  try {
    return await ask(host, { command: "confirm", pid: process.pid })
  } catch (thrown) {
    const { runtime } = foldersFor(host.env)
    if (!(thrown instanceof NoGuard) || thrown.code !== "refused" || hasJournal(runtime)) throw thrown
    const last = readLeft(runtime)?.lastChange
    if (last === undefined) throw thrown
    return noChangeWaits(last, systemClock.wallMs())
  }
}

async function ask(
  host: ProgramHost,
  command: Extract<ControlCommand, { command: "confirm" | "rollback" }>,
): Promise<Outcome> {
  if (process.geteuid?.() !== 0)
    throw new Fault("permission", `cannot ${command.command} a change without root`, {
      hint: `sudo fw-apply ${command.command}`,
    })
  const { outcome } = await askOnce(foldersFor(host.env).runtime, command)
  return outcome
}
