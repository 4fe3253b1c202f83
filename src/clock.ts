import { uptime } from "node:os"

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
  /** Calls `then` every `periodMs`. */
  every(periodMs: number, then: () => void): Timer
}

/** The machine's clocks. `os.uptime()` counts suspend, `process.hrtime` does not. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  bootMs: () => Math.round(uptime() * 1000),
  after(delayMs, then) {
    const handle = setTimeout(then, delayMs)
    return { cancel: () => clearTimeout(handle) }
  },
  every(periodMs, then) {
    const handle = setInterval(then, periodMs)
    return { cancel: () => clearInterval(handle) }
  },
}
