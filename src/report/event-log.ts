import { constants, openSync, renameSync, statSync } from "node:fs"
import { pino } from "pino"
import { jsonOf, type Outcome } from "./outcome.ts"

/** Where a session's events are written down, one JSON object a line. */
export interface EventLog {
  write(outcome: Outcome): void
  /** Writes out what waits; errors of the disk are not ours to die of. */
  close(): Promise<void>
}

/** A log that has grown beyond this many bytes is put aside, as `events.log.1`, before a session writes to it. */
const longestLog = 8 * 1024 * 1024
/** Bytes that may wait for a disk that hangs; what comes on top is lost. */
const mostWaiting = 1024 * 1024

/**
 * A log file that never holds up its writer: lines are written behind the event loop's back, and a full, read-only or
 * hanging disk loses lines, not the session.
 *
 * @param path appended to, made with mode 0600; when it cannot be opened nothing is written down
 */
export function openEventLog(path: string): EventLog {
  const file = openForAppending(path)
  if (file === undefined) return { write: () => {}, close: async () => {} }
  // Opened here: a destination that failed to open its file by itself throws at what is written to it.
  const destination = pino.destination({ dest: file, sync: false, maxLength: mostWaiting })
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
        destination.once("close", resolve)
        destination.once("error", () => {
          destination.destroy() // or it would try once more, and throw, when the process ends
          resolve()
        })
        destination.end()
      }),
  }
}

function openForAppending(path: string): number | undefined {
  try {
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > longestLog) renameSync(path, `${path}.1`)
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants
    return openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
  } catch {
    return undefined
  }
}
