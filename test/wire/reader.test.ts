import { describe, expect, it } from "vitest"
import { Reader } from "../../src/wire/reader.ts"
import { Writer } from "../../src/wire/writer.ts"

describe("Reader", () => {
  it("reads big endian from the front and knows the end", () => {
    const reader = new Reader(Uint8Array.of(1, 2, 3, 0xff, 0xfe, 0xfd, 0xfc, 9, 8))
    expect([reader.u8(), reader.u16(), reader.u32()]).toEqual([1, 0x0203, 0xfffefdfc])
    expect(reader.left).toBe(2)
    expect(reader.finished).toBe(false)
    expect(reader.rest()).toEqual(Uint8Array.of(9, 8))
    expect(reader.finished).toBe(true)
  })

  it.each<[string, (reader: Reader) => unknown, number, unknown]>([
    ["u8", (reader) => reader.u8(), 0, 0],
    ["u16", (reader) => reader.u16(), 1, 0],
    ["u32", (reader) => reader.u32(), 3, 0],
    ["take", (reader) => reader.take(4), 3, new Uint8Array(0)],
  ])("a %s that does not fit reads nothing, and the overrun stays", (_, read, length, nothing) => {
    const reader = new Reader(new Uint8Array(8).fill(7).subarray(0, length))
    expect(read(reader)).toEqual(nothing)
    expect(reader.overran).toBe(true)
    expect(reader.finished).toBe(false)
    const after = [
      reader.left,
      reader.u8(),
      reader.u16(),
      reader.u32(),
      reader.take(1).length,
      reader.take(0).length,
    ]
    expect(after).toEqual([0, 0, 0, 0, 0, 0])
    expect(reader.overran).toBe(true)
  })

  it("gives views, also of the middle of a larger buffer", () => {
    const whole = Uint8Array.of(0, 1, 2, 3, 4)
    const view = new Reader(whole.subarray(1, 4)).take(3)
    whole[1] = 9
    expect(view).toEqual(Uint8Array.of(9, 2, 3))
  })
})

describe("Writer", () => {
  it("writes what the reader reads", () => {
    const writer = new Writer(9)
    writer.u8(1)
    writer.u16(0x0203)
    writer.u32(0xfffefdfc)
    writer.bytes(Uint8Array.of(9, 8))
    expect(writer.finish()).toEqual(Uint8Array.of(1, 2, 3, 0xff, 0xfe, 0xfd, 0xfc, 9, 8))
  })

  it("refuses what does not fit: a value, one byte more, one byte less", () => {
    const writer = new Writer(2)
    expect(() => writer.u8(256)).toThrow(RangeError)
    expect(() => writer.u16(-1)).toThrow(RangeError)
    expect(() => writer.u8(1.5)).toThrow(RangeError)
    expect(() => writer.u32(1)).toThrow(RangeError)
    expect(() => new Writer(2).finish()).toThrow(RangeError)
    expect(() => new Writer(2).bytes(new Uint8Array(3))).toThrow(RangeError)
  })
})
