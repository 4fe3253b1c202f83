import { Fault } from "../../errors.ts"
import { loadSnapshot } from "../../firewall/snapshot/store/store.ts"
import { askOnce } from "../../guard/control/client.ts"
import type { ControlCommand } from "../../guard/control/commands.ts"
import { foldersFor } from "../../guard/state/folders.ts"
import { exitCodeFor, type Outcome } from "../../report/outcome.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"
import { saveConfirmed } from "./save.ts"

/**
 * `fw-apply confirm`: keeps the change that waits. The guard finds out by itself over which connection this process came.
 * @throws Fault `refused` when no session is armed
 */
export async function confirm(terminal: Terminal, host: ProgramHost): Promise<number> {
  const outcome = await ask(host, { command: "confirm", pid: process.pid })
  const saves = outcome.event === "confirmed" && outcome.facts?.save === true
  const end = saves
    ? await saveConfirmed(loadSnapshot(String(outcome.facts?.candidate)), outcome, terminal)
    : outcome
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
