import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  echoReplyPacket,
  readEchoReply,
  readUnreachable,
  writeEchoRequest,
} from "../../src/transmit/echo-message.ts"
import { parseAddress } from "../../src/wire/address.ts"
import { onesSum, pseudoHeaderSum } from "../../src/wire/checksum.ts"

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replace(/\s/g, ""), "hex"))
const address = (text: string): Uint8Array => parseAddress(text) as Uint8Array
const echo = fc.record({
  identifier: fc.integer({ min: 0, max: 65_535 }),
  sequence: fc.integer({ min: 0, max: 65_535 }),
  data: fc.uint8Array({ maxLength: 200 }),
})
const family = fc.constantFrom(4 as const, 6 as const)

describe("an echo request for a socket", () => {
  it("is what RFC 792 draws, with its checksum", () => {
    const message = writeEchoRequest(4, { identifier: 0x1234, sequence: 1, data: bytes("6162") })
    expect(Buffer.from(message).toString("hex")).toBe("08008468123400016162")
    expect(onesSum(message)).toBe(0xffff)
  })

  it("leaves the ICMPv6 checksum to the kernel", () => {
    const message = writeEchoRequest(6, { identifier: 0x1234, sequence: 1, data: bytes("6162") })
    expect(Buffer.from(message).toString("hex")).toBe("80000000123400016162")
  })
})

describe("a whole echo reply packet", () => {
  it("has a checksum that a receiver accepts, over IPv4 and IPv6", () => {
    fc.assert(
      fc.property(echo, (sent) => {
        const four = echoReplyPacket(address("192.0.2.1"), address("192.0.2.2"), sent)
        expect(onesSum(four.subarray(20))).toBe(0xffff)
        const [source, destination] = [address("2001:db8::1"), address("2001:db8::2")]
        const six = echoReplyPacket(source, destination, sent)
        const message = six.subarray(40)
        expect(onesSum(message, pseudoHeaderSum(source, destination, message.length, 58))).toBe(0xffff)
      }),
    )
  })

  it("is read back as the reply it is, behind an IPv4 header of any length", () => {
    fc.assert(
      fc.property(echo, fc.integer({ min: 0, max: 10 }), (sent, optionWords) => {
        const four = echoReplyPacket(address("192.0.2.1"), address("192.0.2.2"), sent)
        const header = new Uint8Array(20 + optionWords * 4)
        header.set(four.subarray(0, 20))
        header[0] = 0x40 | (header.length / 4)
        const withOptions = new Uint8Array([...header, ...four.subarray(20)])
        expect(readEchoReply(4, withOptions)).toEqual(sent)
        expect(readEchoReply(4, four.subarray(20))).toEqual(sent)
        const six = echoReplyPacket(address("2001:db8::1"), address("2001:db8::2"), sent)
        expect(readEchoReply(6, six.subarray(40))).toEqual(sent)
      }),
    )
  })
})

describe("what a socket gives", () => {
  it("is never more than a reply or an unreachable, and nothing throws", () => {
    fc.assert(
      fc.property(family, fc.uint8Array({ maxLength: 120 }), (version, message) => {
        const reply = readEchoReply(version, message)
        const unreachable = readUnreachable(version, message)
        expect(reply === undefined || unreachable === undefined).toBe(true)
      }),
    )
  })

  it("an echo request, our own over loopback, is not taken for a reply", () => {
    const sent = { identifier: 1, sequence: 1, data: new Uint8Array(128) }
    expect(readEchoReply(4, writeEchoRequest(4, sent))).toBeUndefined()
    expect(readEchoReply(6, writeEchoRequest(6, sent))).toBeUndefined()
  })

  it("names the request that did not arrive, and why, over IPv4", () => {
    // An unreachable of code 13 from a router, with the IPv4 header and the first 8 bytes of the request (RFC 792).
    const message = bytes(`45000038 00000000 4001 0000 c0000264 c0000202
      030d 0000 00000000
      4500009c 00004000 4001 0000 c0000202 c0000201
      0800 0000 1234 0007`)
    expect(readUnreachable(4, message)).toEqual({
      destination: "192.0.2.1",
      identifier: 0x1234,
      sequence: 7,
      reason: "administratively prohibited",
    })
    expect(readEchoReply(4, message)).toBeUndefined()
  })

  it("names the request that did not arrive, and why, over IPv6", () => {
    const message = bytes(`0103 0000 00000000
      60000000 0088 3a 40 20010db8000000000000000000000002 20010db8000000000000000000000001
      8000 0000 1234 0008 4141`)
    expect(readUnreachable(6, message)).toEqual({
      destination: "2001:db8::1",
      identifier: 0x1234,
      sequence: 8,
      reason: "host unreachable",
    })
  })

  it("an unreachable about something else than an echo request is nothing to us", () => {
    const tcp = bytes(`0301 0000 00000000 4500003c 00004000 4006 0000 c0000202 c0000201 d4310016 00000000`)
    expect(readUnreachable(4, tcp)).toBeUndefined()
  })
})
