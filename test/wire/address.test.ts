import { isIP } from "node:net"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  addressFamily,
  addressText,
  isUnicast,
  kernelAddress,
  parseAddress,
  withoutZone,
} from "../../src/wire/address.ts"

describe("addressText", () => {
  // RFC 5952 sections 4 and 5, and RFC 4291 2.2
  it.each([
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:DB8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:0db8::0001", "2001:db8::1"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["1:0:0:0:0:0:0:0", "1::"],
    ["0:1:0:0:0:0:1:0", "0:1::1:0"],
    ["::ffff:c000:0201", "::ffff:192.0.2.1"],
    ["::ffff:0:c000:201", "::ffff:0:c000:201"],
    ["ff02::1:ff00:1", "ff02::1:ff00:1"],
    ["fe80::192.0.2.1", "fe80::c000:201"],
    ["192.0.2.1", "192.0.2.1"],
  ])("writes %s as %s", (text, canonical) => {
    expect(addressText(parseAddress(text) as Uint8Array)).toBe(canonical)
  })

  it("is read back to the same bytes, and is what the operating system's URL parser writes", () => {
    const groups = fc.array(fc.constantFrom(0, 0, 0, 1, 0xffff, 0x0a0b), { minLength: 8, maxLength: 8 })
    fc.assert(
      fc.property(groups, (words) => {
        const bytes = Uint8Array.from(words.flatMap((word) => [word >>> 8, word & 0xff]))
        const text = addressText(bytes)
        expect(parseAddress(text)).toEqual(bytes)
        // WHATWG URL: the same rules but for the dotted decimal of mapped addresses.
        if (!text.includes(".")) expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`)
      }),
      { numRuns: 2000 },
    )
  })
})

describe("parseAddress", () => {
  it.each([
    "",
    "1.2.3",
    "1.2.3.256",
    "01.2.3.4",
    "::g",
    "1::2::3",
    "fe80::1%eth0",
    "host",
    "1:2:3:4:5:6:7",
    " ::1",
  ])("refuses %j", (text) => {
    expect(parseAddress(text)).toBeUndefined()
  })
})

describe("isUnicast", () => {
  it.each([
    ["192.0.2.1", true],
    ["127.0.0.1", true],
    ["223.255.255.255", true],
    ["0.0.0.0", false],
    ["0.1.2.3", false],
    ["224.0.0.1", false],
    ["240.0.0.1", false],
    ["255.255.255.255", false],
    ["2001:db8::1", true],
    ["::1", true],
    ["fe80::1", true],
    ["::", false],
    ["ff02::1", false],
  ])("%s: %s", (text, verdict) => {
    expect(isUnicast(parseAddress(text) as Uint8Array)).toBe(verdict)
  })
})

describe("addressFamily", () => {
  const group = fc.oneof(
    fc.constantFrom("", "0", "1", "ffff", "0001", "00001", "g", "1.2.3.4", "01.2.3.4", "-1", "FE80", " 1"),
    fc.integer({ min: 0, max: 0x1ffff }).map((value) => value.toString(16)),
  )
  const zone = fc.constantFrom("", "", "", "%eth0", "%", "%a_b", "%1%2", "%Br-0.7:1")
  const colons = fc
    .tuple(fc.array(group, { minLength: 1, maxLength: 9 }), fc.constantFrom("", "::", ":"), zone)
    .map(([groups, more, end]) => `${groups.join(":")}${more}${end}`)
  const byte = fc.oneof(
    fc.integer({ min: -1, max: 300 }).map(String),
    fc.constantFrom("", "00", "1e1", "0x1", " 1", "1e-7", "1.", "+1"),
  )
  const dots = fc
    .tuple(fc.array(byte, { minLength: 3, maxLength: 5 }), zone)
    .map(([bytes, end]) => `${bytes.join(".")}${end}`)

  it("says of every text what node:net says", () => {
    const families = new Set<number>()
    fc.assert(
      fc.property(fc.oneof(colons, dots, fc.ipV4(), fc.ipV6()), (text) => {
        families.add(isIP(text))
        expect(addressFamily(text)).toBe(isIP(text))
        // A zone is not part of an address.
        const bytes = text.includes("%") ? 0 : isIP(text)
        expect(parseAddress(text)?.length).toBe({ 0: undefined, 4: 4, 6: 16 }[bytes])
      }),
      { numRuns: 5000 },
    )
    expect(families).toEqual(new Set([0, 4, 6]))
  })
})

describe("an address without its zone", () => {
  it.each([
    ["fe80::1%eth0", "fe80::1", "fe80::1"],
    ["2001:DB8:0::1", "2001:DB8:0::1", "2001:db8::1"],
    ["FE80:0::1%eth0", "FE80:0::1", "fe80::1"],
    ["192.0.2.1", "192.0.2.1", "192.0.2.1"],
    ["web1", "web1", "web1"],
  ])("%s is %s, and as the kernel names it %s", (text, bare, plain) => {
    expect(withoutZone(text)).toBe(bare)
    expect(kernelAddress(text)).toBe(plain)
  })
})
