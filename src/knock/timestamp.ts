import type { Reader } from "../wire/reader.ts"
import type { Writer } from "../wire/writer.ts"

const word = 2 ** 32

/** Reads a u64 of milliseconds since 1970; undefined above 2^53 - 1, which no clock shows. */
export function readTimestamp(reader: Reader): number | undefined {
  const value = reader.u32() * word + reader.u32()
  return Number.isSafeInteger(value) ? value : undefined
}

/** Writes a u64 of milliseconds since 1970; `value` is an integer 0..2^53-1. */
export function writeTimestamp(writer: Writer, value: number): void {
  writer.u32(Math.floor(value / word))
  writer.u32(value % word)
}
