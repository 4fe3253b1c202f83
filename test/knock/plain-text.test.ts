import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { plainBytes, plainMatcher } from "../../src/knock/plain-text.ts"
import { fromHex } from "./vector-files.ts"

const holds = plainMatcher("reset-iptables")
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

describe("the bare text", () => {
  test("is found in what ping -p sends", () => {
    // iputils ping -c1 -p 72657365742d69707461626c6573, its 56 bytes of data as captured on lo
    const data = fromHex(
      "203f036b00000000aaa70e00000000007365742d69707461626c657372657365742d69707461626c657372657365742d69707461626c6573",
    )
    expect(holds(data)).toBe(true)
    // the same with -s 31: what is left behind the time stamp does not hold the text in one piece
    expect(holds(fromHex("203f036b00000000dec40e00000000007365742d69707461626c6573000000"))).toBe(false)
  })

  test("is found in whatever phase a pattern of up to 16 bytes has", () => {
    const letters = fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz-0123456789")
    fc.assert(
      fc.property(fc.string({ unit: letters, minLength: 8, maxLength: 16 }), fc.nat(15), (text, phase) => {
        fc.pre(
          new Set(text).size > 3 &&
            !"abcdefghijklmnopqrstuvwabcdefghi".includes(text) &&
            !"0123456789".includes(text),
        )
        const data = Uint8Array.from({ length: 56 }, (_, i) =>
          i < 16 ? 0 : text.charCodeAt((i + phase) % text.length),
        )
        expect(plainMatcher(text)(data)).toBe(true)
      }),
    )
  })

  test("is found anywhere in the data, and only in one piece", () => {
    expect(holds(ascii("reset-iptables"))).toBe(true)
    expect(holds(ascii("xxreset-iptables"))).toBe(true)
    expect(holds(ascii("reset-iptable"))).toBe(false)
    expect(holds(ascii("Reset-iptables"))).toBe(false)
    expect(holds(ascii("reset-\0iptables"))).toBe(false)
    expect(holds(new Uint8Array())).toBe(false)
  })

  test("is looked for in a frame's worth of data", () => {
    const data = new Uint8Array(65_507)
    data.set(ascii("reset-iptables"), 1500 - 14)
    expect(holds(data)).toBe(true)
    expect(holds(data.subarray(0, 1500 - 1))).toBe(false)
    data.copyWithin(1500 - 13, 1500 - 14, 1500).fill(0, 0, 1500 - 13)
    expect(holds(data)).toBe(false)
  })

  test.each([
    ["seven bytes", "resetip"],
    ["65 bytes", `${"reset-".repeat(10)}reset`],
    ["a control character", "reset\tiptables"],
    ["one byte over and over", "aaaaaaaaaa"],
    ["what Windows pings carry", "abcdefgh"],
    ["the same, where it begins again", "uvwabcdefg"],
    ["what Linux pings carry", "0123456789"],
    ["nothing", ""],
  ])("may not be %s", (_, text) => {
    expect(() => plainBytes(text)).toThrow(expect.objectContaining({ code: "usage" }))
  })
})
