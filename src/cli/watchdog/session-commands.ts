import { Fault } from "../../errors.ts"
import { askOnce, NoGuard } from "../../guard/control/client.ts"
import type { ControlCommand } from "../../guard/control/commands.ts"
import { undoLeftOpen } from "../../guard/launch/undo-left-open.ts"
import { openLine, openWords } from "../../guard/machine/outcomes/open-since.ts"
import type { SessionStatus } from "../../guard/machine/status.ts"
import { foldersFor } from "../../guard/state/folders.ts"
import { hasJournal, journalledOpen, readJournal } from "../../guard/state/journal.ts"
import { leftOpen, readLeft } from "../../guard/state/left-file.ts"
import { formatDuration } from "../../report/duration.ts"
import { exitCodeFor, type Outcome } from "../../report/outcome.ts"
import { packageVersion } from "../../system/installed-files.ts"
import { systemClock } from "../../system/system-clock.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"

/**
 * `fw-watchdog status`: what the session of this network namespace is and has done; without one, the open that the last has left.
 * @throws Fault `refused` when there is neither.
 */
export async function showStatus(terminal: Terminal, host: ProgramHost): Promise<number> {
  return await orLeftOpen(terminal, host, async () => {
    const status = await askOnce(foldersFor(host.env).runtime, { command: "status" })
    if (terminal.json) terminal.object(status)
    else for (const line of statusLines(status, systemClock.wallMs())) terminal.result(line)
    return exitCodeFor("done")
  })
}

/**
 * `fw-watchdog disarm`: ends the session; rules stay as they are. When this returns, another one can be armed.
 * @throws Fault `refused` when there is none.
 */
export async function disarm(terminal: Terminal, host: ProgramHost): Promise<number> {
  return await orLeftOpen(terminal, host, () =>
    reportAnswer({ command: "disarm", by: "fw-watchdog disarm" }, terminal, host),
  )
}

/**
 * `fw-watchdog undo`: puts back what the last open changed, also the open that a session has left behind.
 * @throws Fault `refused` when the guard of a session was killed, or one is arming.
 */
export async function undo(terminal: Terminal, host: ProgramHost): Promise<number> {
  const folders = foldersFor(host.env)
  let outcome: Outcome
  try {
    outcome = (await askOnce(folders.runtime, { command: "undo" })).outcome
  } catch (thrown) {
    if (!isWithoutSession(thrown, folders.runtime)) throw thrown
    if (process.geteuid?.() !== 0)
      throw new Fault("permission", "cannot put rules back without root", { hint: "sudo fw-watchdog undo" })
    outcome = await undoLeftOpen(folders, (one) => terminal.report(one))
  }
  terminal.report(outcome)
  if (!terminal.json) for (const line of takenAwayLines(outcome)) terminal.say(line)
  return exitCodeFor(outcome.code)
}

/** The rules that went with it, one a line. */
function takenAwayLines({ facts }: Outcome): string[] {
  const lines = Array.isArray(facts?.takenAway) ? facts.takenAway.map(String) : []
  const more = Number(facts?.takenAwayCount ?? 0) - lines.length
  return [...lines.map((line) => `gone: ${line}`), ...(more > 0 ? [`gone: and ${more} more`] : [])]
}

/**
 * `fw-watchdog extend DURATION`: the session lasts so much longer.
 * @throws Fault `refused` when no session is armed.
 */
export async function extend(byMs: number, terminal: Terminal, host: ProgramHost): Promise<number> {
  return await reportAnswer({ command: "extend", byMs }, terminal, host)
}

/** Nobody is there, and none that was killed waits to be resumed. */
function isWithoutSession(thrown: unknown, runtimeFolder: string): thrown is NoGuard {
  return thrown instanceof NoGuard && thrown.code === "refused" && !hasJournal(runtimeFolder)
}

/** Where no session is armed, says instead that the last one has left the firewall open. */
async function orLeftOpen(
  terminal: Terminal,
  host: ProgramHost,
  ask: () => Promise<number>,
): Promise<number> {
  const { runtime } = foldersFor(host.env)
  try {
    return await ask()
  } catch (thrown) {
    if (!(thrown instanceof NoGuard) || thrown.code !== "refused") throw thrown
    const killed = hasJournal(runtime) ? readJournal(runtime) : undefined
    const open = killed === undefined ? leftOpen(readLeft(runtime) ?? {}) : journalledOpen(killed)
    if (open === undefined) throw thrown
    const nowMs = systemClock.wallMs()
    const told =
      killed === undefined ? openLine(open, nowMs) : `it had left the firewall ${openWords(open, nowMs)}`
    terminal.report({
      event: "left-open",
      code: "refused",
      message: `${thrown.message}; ${told}`,
      ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
      facts: { openSinceMs: open.sinceMs, scope: open.scope, whole: open.whole, undoable: open.undoable },
    })
    return exitCodeFor("refused")
  }
}

async function reportAnswer(
  command: Extract<ControlCommand, { command: "disarm" | "extend" }>,
  terminal: Terminal,
  host: ProgramHost,
): Promise<number> {
  const { outcome } = await askOnce(foldersFor(host.env).runtime, command)
  terminal.report(outcome)
  return exitCodeFor(outcome.code)
}

/**
 * The status as lines for people; every figure in it is in `--json` too.
 * @param wallMs the wall clock
 */
export function statusLines(status: SessionStatus, wallMs: number): string[] {
  const { armedBy } = status
  const own = packageVersion()
  const from = armedBy.from === "" ? "" : ` from ${armedBy.from}`
  const rejected = Object.entries(status.rejected).map(([reason, count]) => `${reason} ${count}`)
  return [
    `armed by ${armedBy.user}${from}, ${formatDuration(status.secondsLeft * 1000)} left, then ${status.onExpiry}`,
    ...(status.version === own
      ? []
      : [
          `by version ${status.version}, this is ${own}: it goes on as it is, and tells what that version tells`,
        ]),
    ...(status.open === undefined ? [] : [openLine(status.open, wallMs)]),
    status.provenFromOutside ? "proven from outside by an authentic probe" : "not proven from outside",
    `hearing on ${status.devices.join(", ") || "nothing: the listener is being started again"}; knocks come by ${status.roads.join(", ")}`,
    ...(status.deaf ? ["DEAF: the listener does not hear its own canary; another one is being started"] : []),
    `firewall: ${status.backends.join(", ")}${status.dryRun ? " (dry run: it is not touched)" : ""}`,
    `waiting to open it: ${counted(status.standbys.map(({ program }) => program)) || "nothing: an open starts what it needs"}`,
    ...status.secrets.map(
      (secret) =>
        `secret: ${[secret.kind, secret.host, secret.name].filter(Boolean).join(" ")}${usesOf(secret)}`,
    ),
    ...(status.plain ? ["also accepts a bare text (--plain, unauthenticated)"] : []),
    ...changeLines(status),
    `knocks accepted: ${status.accepted}; opens: ${status.opens}; locked again: ${status.reLocks}`,
    `packets rejected: ${rejected.join(", ") || "none"}`,
    ...(status.stillDropping.length > 0
      ? ["still dropping:", ...status.stillDropping.map((where) => `  ${where}`)]
      : []),
    ...status.notRestorable,
    ...(status.mayStop.length > 0
      ? ["left alone by the open, and can stop packets:", ...status.mayStop.map((where) => `  ${where}`)]
      : []),
    ...(status.notLookedAt.length > 0
      ? ["not looked at, though it could stop packets:", ...status.notLookedAt.map((why) => `  ${why}`)]
      : []),
  ]
}

function usesOf({ lastUsedMs, expiresMs }: SessionStatus["secrets"][number]): string {
  const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+/, "")
  const used = lastUsedMs === undefined ? "" : `, last used ${time(lastUsedMs)}`
  return expiresMs === undefined ? used : `${used}, expires ${time(expiresMs)}`
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
  if (!change.applied) return [`a change by ${change.user}${from} is being made`]
  const opened = change.opened ? "; the firewall was opened since" : ""
  return [
    `CHANGED by ${change.user}${from}: goes back in ${formatDuration(change.secondsLeft * 1000)} unless \`fw-apply confirm\` comes first${opened}`,
  ]
}
