/** A timer that was set and can be taken back. */
export interface Timer {
  cancel(): void
}

/** Time as it is passed in everywhere, so that no unit test sleeps. */
export interface Clock {
  /** Wall clock, milliseconds since 1970-01-01 UTC. Steps when somebody sets it: never for deadlines. */
  wallMs(): number
  /** Milliseconds since boot, suspend included (CLOCK_BOOTTIME); not moved by wall-clock steps. */
  bootMs(): number
  /** Calls `then` once after `delayMs` of event-loop time. */
  after(delayMs: number, then: () => void): Timer
  /** Calls `then` every `periodMs`, the first time at most so much from now. */
  every(periodMs: number, then: () => void): Timer
}

const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

interface Turn {
  readonly periodMs: number
  readonly then: () => void
  dueMs: number
}

/** The things that are done again and again in this process, and the one timer for all of it. */
const turns = new Set<Turn>()
let waking: NodeJS.Timeout | undefined
/** A timer may fire a little early, and a moment must not come twice. */
const earlyMs = 2

function nextTurnMs(periodMs: number): number {
  return (Math.floor((monotonicMs() + earlyMs) / periodMs) + 1) * periodMs
}

function wakeAtNextTurn(): void {
  clearTimeout(waking)
  if (turns.size === 0) return
  const dueMs = Math.min(...[...turns].map((turn) => turn.dueMs))
  waking = setTimeout(takeTurns, Math.max(1, Math.ceil(dueMs - monotonicMs())))
}

function takeTurns(): void {
  const now = monotonicMs() + earlyMs
  const due = [...turns].filter(({ dueMs }) => dueMs <= now)
  for (const turn of due) turn.dueMs = nextTurnMs(turn.periodMs)
  wakeAtNextTurn()
  for (const turn of due) if (turns.has(turn)) turn.then()
}

/**
 * The clocks of a process that is over in seconds: `bootMs` counts no suspend, and is fine enough to measure a round trip.
 * What is done every so often, by whichever timer, is done at multiples of its period: an idle processor is woken once for
 * all that has the same.
 */
export const monotonicClock: Clock = {
  wallMs: () => Date.now(),
  bootMs: monotonicMs,
  after(delayMs, then) {
    const handle = setTimeout(then, delayMs)
    return { cancel: () => clearTimeout(handle) }
  },
  every(periodMs, then) {
    const turn = { periodMs, then, dueMs: nextTurnMs(periodMs) }
    turns.add(turn)
    wakeAtNextTurn()
    return {
      cancel() {
        turns.delete(turn)
        wakeAtNextTurn()
      },
    }
  },
}
