import { Fault } from "../../errors.ts"
import { askGuard } from "../../guard/control/client.ts"
import type { ControlCommand } from "../../guard/control/commands.ts"
import type { SessionStatus } from "../../guard/machine/status.ts"
import { foldersFor } from "../../guard/state/folders.ts"
import { exitCodeFor, type Outcome } from "../../report/outcome.ts"
import { formatDuration } from "../terminal/duration.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"

/**
 * One command, one answer.
 * @param untilGone waits behind the answer for the guard to go
 */
async function ask<Value>(host: ProgramHost, command: ControlCommand, untilGone = false): Promise<Value> {
  let answer: unknown
  await askGuard(foldersFor(host.env).runtime, command, (value) => {
    answer = value
    return untilGone && value.error === undefined
  })
  if (answer === undefined)
    throw new Fault("state-unknown", "the guard closed the connection without an answer")
  const { error } = answer as { readonly error?: string }
  if (error !== undefined)
    throw new Fault("refused", `the guard refused ${command.command}: ${error}`, {
      hint: "try again in a moment",
    })
  return answer as Value
}

/**
 * `fw-watchdog status`: what the session of this network namespace is and has done.
 * @throws Fault `refused` when there is none.
 */
export async function showStatus(terminal: Terminal, host: ProgramHost): Promise<number> {
  const status = await ask<SessionStatus>(host, { command: "status" })
  if (terminal.json) terminal.object(status)
  else for (const line of statusLines(status)) terminal.result(line)
  return exitCodeFor("done")
}

/**
 * `fw-watchdog disarm`: ends the session; rules stay as they are. When this returns, another one can be armed.
 * @throws Fault `refused` when there is none.
 */
export async function disarm(terminal: Terminal, host: ProgramHost): Promise<number> {
  const command = { command: "disarm", by: "fw-watchdog disarm" } as const
  const { outcome } = await ask<{ outcome: Outcome }>(host, command, true)
  terminal.report(outcome)
  return exitCodeFor(outcome.code)
}

/**
 * `fw-watchdog undo`: puts back what the last open changed.
 * @throws Fault `refused` when no session is armed.
 */
export async function undo(terminal: Terminal, host: ProgramHost): Promise<number> {
  const { outcome } = await ask<{ outcome: Outcome }>(host, { command: "undo" })
  terminal.report(outcome)
  return exitCodeFor(outcome.code)
}

/**
 * `fw-watchdog extend DURATION`: the session lasts so much longer.
 * @throws Fault `refused` when no session is armed.
 */
export async function extend(byMs: number, terminal: Terminal, host: ProgramHost): Promise<number> {
  const { outcome } = await ask<{ outcome: Outcome }>(host, { command: "extend", byMs })
  terminal.report(outcome)
  return exitCodeFor(outcome.code)
}

/** The status as lines for people; every figure in it is in `--json` too. */
export function statusLines(status: SessionStatus): string[] {
  const { armedBy } = status
  const from = armedBy.from === "" ? "" : ` from ${armedBy.from}`
  const rejected = Object.entries(status.rejected).map(([reason, count]) => `${reason} ${count}`)
  return [
    `armed by ${armedBy.user}${from}, ${formatDuration(status.secondsLeft * 1000)} left, then ${status.onExpiry}`,
    status.provenFromOutside ? "proven from outside by an authentic probe" : "not proven from outside",
    `hearing on ${status.devices.join(", ") || "nothing: the listener is being started again"}`,
    ...(status.deaf ? ["DEAF: the listener does not hear its own canary; another one is being started"] : []),
    `firewall: ${status.backends.join(", ")}${status.dryRun ? " (dry run: it is not touched)" : ""}`,
    `waiting to open it: ${counted(status.standbys.map(({ program }) => program)) || "nothing: an open starts what it needs"}`,
    ...status.secrets.map(
      (secret) => `secret: ${[secret.kind, secret.host, secret.name].filter(Boolean).join(" ")}`,
    ),
    ...(status.plain ? ["also accepts a bare text (--plain, unauthenticated)"] : []),
    ...changeLines(status),
    `knocks accepted: ${status.accepted}; opens: ${status.opens}; locked again: ${status.reLocks}`,
    `packets rejected: ${rejected.join(", ") || "none"}`,
    ...(status.stillDropping.length > 0
      ? ["still dropping:", ...status.stillDropping.map((where) => `  ${where}`)]
      : []),
  ]
}

/** "nft, 2 iptables-legacy-restore" */
function counted(programs: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const program of programs) counts.set(program, (counts.get(program) ?? 0) + 1)
  return [...counts].map(([program, count]) => (count === 1 ? program : `${count} ${program}`)).join(", ")
}

function changeLines({ change }: SessionStatus): string[] {
  if (change === undefined) return []
  const from = change.client === "" ? "" : ` from ${change.client}`
  const opened = change.opened ? "; the firewall was opened since" : ""
  return [
    `CHANGED by ${change.user}${from}: goes back in ${change.secondsLeft} s unless \`fw-apply confirm\` comes first${opened}`,
  ]
}
