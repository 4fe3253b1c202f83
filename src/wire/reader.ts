const nothing = new Uint8Array(0)

/**
 * Reads bytes from the front, big endian, and checks every read. A read past the end returns 0 (or no bytes), leaves
 * the reader at the end and sets {@link Reader.overran} for good, so a decoder reads a whole header and then asks once.
 * Asking is not optional: the zeros of an overrun look like data.
 *
 * Slices are views of the bytes that were passed in, never copies, and plain Uint8Arrays also when those are a Buffer.
 */
export class Reader {
  readonly #bytes: Uint8Array
  #at = 0
  #overran = false

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** True from the first read that went past the end. */
  get overran(): boolean {
    return this.#overran
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** True when every read fitted and nothing is left. */
  get finished(): boolean {
    return !this.#overran && this.#at === this.#bytes.length
  }

  /** One byte. */
  u8(): number {
    return this.#claim(1) ? (this.#bytes[this.#at++] as number) : 0
  }

  /** Two bytes, big endian. */
  u16(): number {
    if (!this.#claim(2)) return 0
    const at = this.#at
    this.#at = at + 2
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number)
  }

  /** Four bytes, big endian, 0..2^32-1. */
  u32(): number {
    if (!this.#claim(4)) return 0
    const high = this.u16()
    return high * 0x1_0000 + this.u16()
  }

  /** The next `length` bytes as a view; an empty one when there are fewer. `length` must be a non-negative integer. */
  take(length: number): Uint8Array {
    if (!this.#claim(length) || length === 0) return nothing
    const at = this.#at
    this.#at = at + length
    // Not subarray(): of a Buffer it would be a Buffer, and on the packet path it takes twice as long.
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, length)
  }

  /** Everything that is left, as a view. */
  rest(): Uint8Array {
    return this.take(this.left)
  }

  #claim(length: number): boolean {
    if (!this.#overran && length <= this.left) return true
    this.#overran = true
    this.#at = this.#bytes.length
    return false
  }
}
