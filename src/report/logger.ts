import { pino } from "pino"
import { jsonOf, type Outcome } from "./outcome.ts"

/** Where a session's events are written down, one JSON object a line. */
export interface EventLog {
  write(outcome: Outcome): void
  /** Writes out what waits; errors of the disk are not ours to die of. */
  close(): Promise<void>
}

/**
 * A log file that never holds up its writer: lines are written behind the event loop's back, and a full or read-only
 * disk loses lines, not the session.
 *
 * @param path appended to, made with mode 0600
 */
export function openEventLog(path: string): EventLog {
  const destination = pino.destination({ dest: path, append: true, mode: 0o600, sync: false, mkdir: false })
  destination.on("error", () => {})
  const logger = pino({ base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, destination)
  return {
    write(outcome) {
      const { message, ...rest } = jsonOf(outcome)
      if (outcome.code === "done") logger.info(rest, String(message))
      else logger.error(rest, String(message))
    },
    close: () =>
      new Promise((resolve) => {
        destination.flush(() => resolve())
        destination.once("error", () => resolve())
      }),
  }
}
