import type { Writable } from "node:stream"
import { type FromListener, type ToListener, toLine } from "./messages.ts"

/** Bytes that may wait for the other side before messages are dropped instead of queued: 1200 knocks, or 1600 answers. */
const mostWaiting = 512 * 1024
/** Bytes that are held back at most: a turn that brings many messages leaves them to the other side while it lasts. */
const mostHeld = 16 * 1024

/**
 * Writes messages to one end of the pipe, in order. The first of a turn of the event loop leaves at once, those behind it
 * together: many cost no system call for each, and a socket holds more of them than of single ones.
 */
export class LineWriter {
  readonly #output: Writable
  #corked = false
  #heldBytes = 0

  constructor(output: Writable) {
    this.#output = output
  }

  /** @returns false when too much waits already, and the message was dropped */
  send(message: FromListener | ToListener): boolean {
    const output = this.#output
    if (!output.writable || output.writableLength > mostWaiting) return false
    const line = toLine(message)
    output.write(line)
    if (this.#corked) this.#held(line.length)
    else this.hold()
    return true
  }

  /** Holds back what is written in the rest of this turn to its end. */
  hold(): void {
    if (this.#corked) return
    this.#corked = true
    this.#output.cork()
    setImmediate(() => {
      this.#corked = false
      this.#heldBytes = 0
      this.#output.uncork()
    })
  }

  #held(bytes: number): void {
    this.#heldBytes += bytes
    if (this.#heldBytes < mostHeld) return
    this.#heldBytes = 0
    this.#output.uncork()
    this.#output.cork()
  }
}
