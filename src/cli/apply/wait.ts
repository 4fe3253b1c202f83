import { Fault } from "../../errors.ts"
import { NoGuard, watchGuard } from "../../guard/control/client.ts"
import { launchGuard } from "../../guard/launch/launch.ts"
import type { SessionStatus } from "../../guard/machine/status.ts"
import { hasJournal } from "../../guard/state/journal.ts"
import { readLeft } from "../../guard/state/left-file.ts"
import { formatDuration } from "../../report/duration.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"

/** How a change ends. */
const endings: ReadonlySet<string> = new Set(["confirmed", "rolled-back", "rollback-failed"])
/** The other events of the session that whoever waits for a confirmation should hear. */
const news: ReadonlySet<string> = new Set(["knock", "opened", "open-failed", "re-locked"])
/** A guard that was killed is replaced so often. */
const mostResumes = 3
/** systemd starts a killed guard again by itself within this time, in milliseconds; then there is nothing to do here. */
const resumeAfterMs = 3000

/**
 * Waits until a change is confirmed or has gone back, with a countdown on a terminal. Should the guard be killed
 * meanwhile, another one is started, which goes on with it.
 * @returns how the change ended
 * @throws Fault `state-unknown` when nobody can tell
 */
export async function awaitEnd(
  runtimeFolder: string,
  change: { readonly id: string; readonly withinMs: number },
  terminal: Terminal,
  host: ProgramHost,
): Promise<Outcome> {
  const view = new Waiting(change, terminal)
  const ticking = setInterval(() => view.tick(), 1000)
  try {
    for (let resumes = 0; ; resumes += 1) {
      const gone = await watchOnce(runtimeFolder, view)
      if (gone === "over") view.take({ lastChange: readLeft(runtimeFolder)?.lastChange })
      if (view.end !== undefined) return view.end
      if (resumes === mostResumes || gone === "over") break
      await resumeGuard(runtimeFolder, terminal, host)
    }
  } finally {
    clearInterval(ticking)
  }
  throw new Fault("state-unknown", "the guard is gone, and nobody knows how the change ended", {
    hint: "look at the rules; `fw-watchdog status` tells whether a session is armed, `fw-watchdog resume` goes on with one",
  })
}

/** Everything that the guard has told so far. */
class Waiting {
  end: Outcome | undefined
  #leftMs: number
  readonly #id: string
  readonly #terminal: Terminal

  constructor(change: { readonly id: string; readonly withinMs: number }, terminal: Terminal) {
    this.#id = change.id
    this.#leftMs = change.withinMs
    this.#terminal = terminal
  }

  tick(): void {
    this.#leftMs = Math.max(0, this.#leftMs - 1000)
    this.#terminal.progress(
      `goes back in ${formatDuration(this.#leftMs)} unless confirmed (Ctrl-C goes back now)`,
    )
  }

  /** @returns whether there is more to wait for */
  take(value: Record<string, unknown>): boolean {
    const { change, lastChange } = value as Partial<SessionStatus>
    if (lastChange?.id === this.#id) this.end = lastChange.outcome
    if (change?.id === this.#id) this.#leftMs = change.secondsLeft * 1000
    const outcome = value.outcome as Outcome | undefined
    if (outcome?.facts?.id === this.#id && endings.has(outcome.event)) this.end = outcome
    else if (outcome !== undefined && news.has(outcome.event)) this.#terminal.say(outcome.message)
    return this.end === undefined
  }
}

async function watchOnce(runtimeFolder: string, view: Waiting): Promise<"cut-off" | "over"> {
  try {
    await watchGuard(runtimeFolder, (value) => view.take(value))
  } catch (thrown) {
    if (!(thrown instanceof NoGuard)) throw thrown
  }
  // A session that has ended takes its journal along.
  return hasJournal(runtimeFolder) ? "cut-off" : "over"
}

async function resumeGuard(runtimeFolder: string, terminal: Terminal, host: ProgramHost): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, resumeAfterMs))
  try {
    await launchGuard({ resume: true }, runtimeFolder, host.env)
    terminal.warn("the guard was killed; another one goes on with the session")
  } catch {
    // Somebody else has started it again, or there is no session any more: the next look tells.
  }
}
