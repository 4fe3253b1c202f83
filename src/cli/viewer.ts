import { Fault } from "../errors.ts"
import { askGuard } from "../guard/control-socket.ts"
import type { Outcome, OutcomeCode } from "../report/outcome.ts"
import { formatDuration } from "./duration.ts"
import type { Terminal } from "./terminal.ts"

/** What the viewer needs of its process. */
export interface ViewerSignals {
  /** Calls `then` when the operator pressed Ctrl-C. */
  onInterrupt(then: () => void): void
}

/**
 * Watches the session of this namespace until it ends, saying each event as it happens, and shows the time left on a
 * terminal. Ctrl-C becomes `disarm`; anything else that ends this process leaves the session as it is.
 *
 * @returns the code of how the session ended: `done` for an expiry or a disarm.
 * @throws Fault `state-unknown` when the guard went away without saying why.
 */
export async function watchSession(
  terminal: Terminal,
  runtimeFolder: string,
  deadlineMs: number,
  signals: ViewerSignals,
): Promise<OutcomeCode> {
  let ended: OutcomeCode | undefined
  signals.onInterrupt(() => {
    askGuard(runtimeFolder, { command: "disarm", by: "Ctrl-C" }, () => false).catch(() => {})
  })
  let left = deadlineMs
  const countdown = setInterval(() => {
    left -= 1000
    terminal.progress(`armed, ${formatDuration(left)} left (Ctrl-C disarms)`)
  }, 1000)
  try {
    await askGuard(runtimeFolder, { command: "watch" }, (value) => {
      if (typeof value.secondsLeft === "number") left = value.secondsLeft * 1000
      const outcome = value.outcome as Outcome | undefined
      if (outcome === undefined) return true
      if (outcome.facts?.ends === true) ended = outcome.code
      terminal.report(outcome)
      return true
    })
  } finally {
    clearInterval(countdown)
  }
  if (ended === undefined)
    throw new Fault("state-unknown", "the guard of this session is gone and did not say why", {
      hint: "`fw-watchdog status` tells whether a session is armed",
    })
  return ended
}
