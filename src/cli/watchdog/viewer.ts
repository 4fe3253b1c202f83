import { Fault } from "../../errors.ts"
import { askOnce, watchGuard } from "../../guard/control/client.ts"
import { formatDuration } from "../../report/duration.ts"
import type { Outcome, OutcomeCode } from "../../report/outcome.ts"
import type { Terminal } from "../terminal/terminal.ts"

/** The signals of its process that the viewer needs. */
export interface ViewerSignals {
  /** Calls `then` when the operator pressed Ctrl-C. */
  onInterrupt(then: () => void): void
}

/**
 * Watches the session of this namespace until it ends, saying each event as it happens, and shows the time left on a
 * terminal. Ctrl-C becomes `disarm`; anything else that ends this process leaves the session as it is.
 *
 * @returns the code of how the session ended: `done` for an expiry or a disarm.
 * @throws Fault `state-unknown` when the guard went away without saying why, let go of this viewer, or did not disarm
 * before a second Ctrl-C.
 */
export async function watchSession(
  terminal: Terminal,
  runtimeFolder: string,
  deadlineMs: number,
  signals: ViewerSignals,
): Promise<OutcomeCode> {
  let ended: OutcomeCode | undefined
  let interrupts = 0
  let leave: () => void = () => {}
  const left = new Promise<"left">((resolve) => {
    leave = () => resolve("left")
  })
  signals.onInterrupt(() => {
    interrupts += 1
    if (interrupts > 1) return leave()
    terminal.say("disarming; Ctrl-C again leaves without waiting for the guard")
    askOnce(runtimeFolder, { command: "disarm", by: "Ctrl-C" }).catch(() => {})
  })
  let leftMs = deadlineMs
  const countdown = setInterval(() => {
    leftMs -= 1000
    terminal.progress(`armed, ${formatDuration(Math.max(0, leftMs))} left (Ctrl-C disarms)`)
  }, 1000)
  try {
    const watching = watchGuard(runtimeFolder, (value) => {
      if (typeof value.secondsLeft === "number") leftMs = value.secondsLeft * 1000
      const outcome = value.outcome as Outcome | undefined
      if (outcome === undefined) return true
      if (typeof outcome.facts?.secondsLeft === "number") leftMs = outcome.facts.secondsLeft * 1000
      if (outcome.facts?.ends === true) ended = outcome.code
      terminal.report(outcome)
      return true
    })
    if ((await Promise.race([watching, left])) === "left")
      throw new Fault("state-unknown", "the guard did not end the session yet", {
        hint: "`fw-watchdog status` tells whether it is armed",
      })
  } finally {
    clearInterval(countdown)
  }
  if (ended === undefined) throw await whyCutOff(runtimeFolder)
  return ended
}

/** The guard lets go of a viewer that does not read (Ctrl-S, a stalled connection); or it is gone itself. */
async function whyCutOff(runtimeFolder: string): Promise<Fault> {
  let armed = false
  try {
    await askOnce(runtimeFolder, { command: "status" })
    armed = true
  } catch {
    // Nobody answers.
  }
  return armed
    ? new Fault(
        "state-unknown",
        "the guard let go of this viewer, which did not keep up; the session goes on",
        {
          hint: "`fw-watchdog status` shows it, `fw-watchdog disarm` ends it",
        },
      )
    : new Fault("state-unknown", "the guard of this session is gone and did not say why", {
        hint: "`fw-watchdog resume` goes on with the session if it was killed",
      })
}
