import { uptime } from "node:os"
import { type Clock, monotonicClock } from "../clock.ts"

/** How long the time since boot is counted on from one reading of it, in milliseconds: a little less than the shortest regular look. */
const readAgainMs = 950
/** /proc/uptime has hundredths of a second. What is beyond that was a suspend. */
const readingErrorMs = 50

/**
 * The time since boot, suspend included, in milliseconds and never going back. Reading it is a file of /proc to open, read
 * and close: 0.2 ms on a machine that was idle, several times between a knock and its open. So it is counted on from the
 * last reading, by a clock that does not count suspend; a suspend shows at the next reading, a second later at most.
 *
 * @param uptimeMs reads CLOCK_BOOTTIME, see proc_uptime(5)
 * @param monotonicMs reads CLOCK_MONOTONIC, see clock_gettime(2)
 */
export function sinceBoot(uptimeMs: () => number, monotonicMs: () => number): () => number {
  let ahead = Number.NEGATIVE_INFINITY
  let readAtMs = Number.NEGATIVE_INFINITY
  return () => {
    const now = monotonicMs()
    if (now - readAtMs > readAgainMs) {
      readAtMs = now
      const found = uptimeMs() - now
      if (found > ahead + readingErrorMs) ahead = found
    }
    return Math.round(now + ahead)
  }
}

/** The machine's clocks. */
export const systemClock: Clock = {
  ...monotonicClock,
  bootMs: sinceBoot(() => uptime() * 1000, monotonicClock.bootMs),
}
