import { Fault } from "../../errors.ts"
import { loadSnapshot } from "../../firewall/snapshot/store/store.ts"
import { askGuard } from "../../guard/control/client.ts"
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

async function ask(host: ProgramHost, command: ControlCommand): Promise<Outcome> {
  if (process.geteuid?.() !== 0)
    throw new Fault("permission", `cannot ${command.command} a change without root`, {
      hint: `sudo fw-apply ${command.command}`,
    })
  let answer: { readonly outcome?: Outcome; readonly error?: string } = {}
  await askGuard(foldersFor(host.env).runtime, command, (value) => {
    answer = value
    return false
  })
  if (answer.outcome !== undefined) return answer.outcome
  throw new Fault(
    answer.error === undefined ? "state-unknown" : "refused",
    `the guard did not ${command.command}: ${answer.error ?? "it is gone"}`,
    { hint: "`fw-watchdog status` shows the session" },
  )
}
