/**
 * Fills a buffer of a size known before, from the front, big endian. The counterpart of the reader: offsets are kept
 * here and not at call sites, and a value that does not fit its field is a RangeError (a bug in the caller) instead of
 * a frame that says something else.
 */
export class Writer {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(size: number) {
    this.#bytes = new Uint8Array(size)
  }

  /** Bytes written so far: where the next one goes. */
  get at(): number {
    return this.#at
  }

  u8(value: number): void {
    this.#check(value, 0xff)
    this.#bytes[this.#claim(1)] = value
  }

  u16(value: number): void {
    this.u16At(this.#claim(2), value)
  }

  u32(value: number): void {
    this.#check(value, 0xffff_ffff)
    this.u16(Math.floor(value / 0x1_0000))
    this.u16(value % 0x1_0000)
  }

  bytes(value: Uint8Array): void {
    this.#bytes.set(value, this.#claim(value.length))
  }

  /** Overwrites two bytes that were written before: a checksum, once what it covers is there. */
  u16At(at: number, value: number): void {
    this.#check(value, 0xffff)
    this.#bytes[at] = value >>> 8
    this.#bytes[at + 1] = value & 0xff
  }

  /** The bytes written since `from`, as a view. */
  since(from: number): Uint8Array {
    return this.#bytes.subarray(from, this.#at)
  }

  /** The filled buffer. @throws RangeError when it is not full. */
  finish(): Uint8Array {
    if (this.#at !== this.#bytes.length)
      throw new RangeError(`cannot finish a buffer of ${this.#bytes.length} bytes: ${this.#at} were written`)
    return this.#bytes
  }

  #claim(length: number): number {
    const at = this.#at
    if (at + length > this.#bytes.length)
      throw new RangeError(`cannot write ${length} bytes at ${at}: the buffer has ${this.#bytes.length}`)
    this.#at = at + length
    return at
  }

  #check(value: number, most: number): void {
    if (!Number.isInteger(value) || value < 0 || value > most)
      throw new RangeError(`cannot write ${value}: an integer from 0 to ${most} is wanted`)
  }
}
