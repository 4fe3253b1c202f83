/** Begins a line that a program wrote for us (RFC 7464). */
const separator = 0x1e
const lineFeed = 0x0a
/** No such line is longer, in bytes. */
const longestLine = 1024 * 1024

/**
 * Takes what comes from another machine apart: lines behind a record separator were written for us, all else, such as a login shell's
 * greetings and sudo's prompt, is handed on at once.
 */
export class MarkedLines {
  /** The lines for us, without separator and end, in their order. */
  readonly lines: string[] = []
  readonly #passOn: (bytes: Uint8Array) => void
  #begun: Buffer | undefined

  constructor(passOn: (bytes: Uint8Array) => void) {
    this.#passOn = passOn
  }

  feed(bytes: Buffer): void {
    for (let rest = bytes; rest.length > 0; ) {
      const end = rest.indexOf(this.#begun === undefined ? separator : lineFeed)
      const part = end < 0 ? rest : rest.subarray(0, end)
      if (this.#begun === undefined) {
        if (part.length > 0) this.#passOn(part)
        if (end >= 0) this.#begun = Buffer.alloc(0)
      } else {
        this.#begun = Buffer.concat([this.#begun, part])
        if (end >= 0 || this.#begun.length > longestLine) this.#end()
      }
      rest = end < 0 ? Buffer.alloc(0) : rest.subarray(end + 1)
    }
  }

  /** A terminal there ends its lines with CR LF. */
  #end(): void {
    this.lines.push((this.#begun ?? Buffer.alloc(0)).toString("utf8").replace(/\r$/, ""))
    this.#begun = undefined
  }
}
