/** Lines longer than this are dropped whole, on both ends of the pipe. */
export const maxLineBytes = 2048

/**
 * Cuts a stream of bytes into lines without ever holding more than one line of `maxLineBytes`: what is longer is
 * skipped to its end and counted, so a peer that lies cannot make this process grow.
 */
export class LineReader {
  readonly #onLine: (line: string) => void
  readonly #limit: number
  #held: Buffer[] = []
  #heldBytes = 0
  #skipping = false
  /** Lines dropped for their length. */
  overlong = 0

  constructor(onLine: (line: string) => void, limit: number = maxLineBytes) {
    this.#onLine = onLine
    this.#limit = limit
  }

  feed(chunk: Buffer): void {
    let rest = chunk
    for (;;) {
      const end = rest.indexOf(10)
      if (end < 0) break
      this.#take(rest.subarray(0, end))
      this.#finish()
      rest = rest.subarray(end + 1)
    }
    this.#take(rest)
  }

  #take(piece: Buffer): void {
    if (this.#skipping || piece.length === 0) return
    if (this.#heldBytes + piece.length > this.#limit) {
      this.#skipping = true
      this.#held = []
      this.#heldBytes = 0
      return
    }
    this.#held.push(piece)
    this.#heldBytes += piece.length
  }

  #finish(): void {
    if (this.#skipping) {
      this.#skipping = false
      this.overlong += 1
      return
    }
    const line = this.#held.length === 1 ? this.#held[0] : Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = 0
    if (line !== undefined && line.length > 0) this.#onLine(line.toString("utf8"))
  }
}
