import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { internetChecksum, onesSum, pseudoHeaderSum } from "../../src/wire/checksum.ts"

describe("the Internet checksum", () => {
  it("sums the example of RFC 1071 section 3", () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)
    expect(onesSum(bytes)).toBe(0xddf2)
    expect(internetChecksum(bytes)).toBe(0x220d)
  })

  it("takes an odd last byte for the high half of a word", () => {
    expect(onesSum(Uint8Array.of(0x12, 0x34, 0x56))).toBe(0x1234 + 0x5600)
  })

  it("folds every carry, over the longest packet too", () => {
    expect(onesSum(new Uint8Array(65_534).fill(0xff), 0xffff)).toBe(0xffff)
    expect(onesSum(new Uint8Array(65_535).fill(0xff))).toBe(0xff00)
    expect(onesSum(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 1))).toBe(1) // the first fold carries again
  })

  it("agrees with arithmetic modulo 65535, in parts as in one", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat({ max: 200 }), (bytes, cut) => {
        let words = 0
        for (let at = 0; at < bytes.length; at += 2)
          words += (bytes[at] as number) * 256 + (bytes[at + 1] ?? 0)
        const sum = onesSum(bytes)
        expect(sum % 0xffff).toBe(words % 0xffff)
        const split = Math.min(cut * 2, bytes.length & ~1)
        expect(onesSum(bytes.subarray(split), onesSum(bytes.subarray(0, split)))).toBe(sum)
      }),
    )
  })

  it("covers addresses, length and next header in the pseudo header", () => {
    const source = new Uint8Array(16).fill(1)
    const destination = new Uint8Array(16).fill(2)
    // The 40 bytes of RFC 8200 8.1 as they would stand in memory.
    const written = Uint8Array.from([...source, ...destination, 0, 0, 0x01, 0x88, 0, 0, 0, 58])
    expect(pseudoHeaderSum(source, destination, 0x188, 58)).toBe(onesSum(written))
  })
})
