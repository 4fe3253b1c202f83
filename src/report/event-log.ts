import { close, constants, fstat, open, openSync, rename, renameSync, statSync } from "node:fs"
import { pino } from "pino"
import { jsonOf, type Outcome } from "./outcome.ts"

/** Where a session's events are written down, one JSON object a line. */
export interface EventLog {
  write(outcome: Outcome): void
  /** Writes out what waits; errors of the disk are not ours to die of. */
  close(): Promise<void>
}

/** A log that has grown to this many bytes is put aside, as `events.log.1`, in place of the one before. */
const longestLog = 1024 * 1024
/** Bytes that may wait for a disk that hangs; what comes on top is lost. */
const mostWaiting = 1024 * 1024

const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants
const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK
const mode = 0o600

/**
 * A log file that never holds up its writer: lines are written behind the event loop's back, and a full, read-only or
 * hanging disk loses lines, not the session. It is put aside behind the event loop's back too, as often as it gets long.
 *
 * @param path appended to, made with mode 0600; when it cannot be opened nothing is written down
 */
export function openEventLog(path: string): EventLog {
  const file = openForAppending(path)
  if (file === undefined) return { write: () => {}, close: async () => {} }
  const lines = new LogFile(path, file)
  const logger = pino({ base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, lines)
  return {
    write(outcome) {
      const { message, ...rest } = jsonOf(outcome)
      if (outcome.code === "done") logger.info(rest, String(message))
      else logger.error(rest, String(message))
    },
    close: () => lines.close(),
  }
}

/** One file at a time, and the one before. */
class LogFile {
  readonly #path: string
  #file: number
  #destination: ReturnType<typeof pino.destination>
  /** Bytes since the size was looked at, the size included: no less than the file has. */
  #size: number
  #turning = false
  #closed = false

  constructor(path: string, file: number) {
    this.#path = path
    this.#file = file
    this.#destination = destinationOn(file)
    this.#size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  }

  write(line: string): void {
    this.#destination.write(line)
    this.#size += Buffer.byteLength(line)
    if (this.#size >= longestLog && !this.#turning) this.#turn()
  }

  close(): Promise<void> {
    this.#closed = true
    return ended(this.#destination)
  }

  /** Lines that come meanwhile go to the old file. What a full disk has not taken does not count: the old one stays then. */
  #turn(): void {
    this.#turning = true
    const give = (size: number): void => {
      this.#turning = false
      this.#size = size
    }
    fstat(this.#file, (unknown, { size } = { size: 0 } as never) => {
      if (unknown !== null || size < longestLog || this.#closed) return give(size)
      rename(this.#path, `${this.#path}.1`, (notMoved) => {
        if (notMoved !== null || this.#closed) return give(0)
        open(this.#path, flags, mode, (notOpened, file) => {
          if (notOpened !== null) return give(0)
          if (this.#closed) return close(file)
          const old = this.#destination
          this.#file = file
          this.#destination = destinationOn(file)
          give(0)
          void ended(old)
        })
      })
    })
  }
}

/** Opened by us: a destination that failed to open its file by itself throws at what is written to it. */
function destinationOn(file: number): ReturnType<typeof pino.destination> {
  const destination = pino.destination({ dest: file, sync: false, maxLength: mostWaiting })
  destination.on("error", () => {})
  return destination
}

function ended(destination: ReturnType<typeof pino.destination>): Promise<void> {
  return new Promise((resolve) => {
    destination.once("close", resolve)
    destination.once("error", () => {
      destination.destroy() // or it would try once more, and throw, when the process ends
      resolve()
    })
    destination.end()
  })
}

function openForAppending(path: string): number | undefined {
  try {
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= longestLog) renameSync(path, `${path}.1`)
    return openSync(path, flags, mode)
  } catch {
    return undefined
  }
}
