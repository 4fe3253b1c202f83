import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseAddress } from "../../src/wire/address.ts"
import { decodeArp } from "../../src/wire/arp.ts"
import { type Decoded, type Rejection, rejected } from "../../src/wire/decoded.ts"
import { decodeFrame, type EchoFrame, encodeFrame, replyFrame } from "../../src/wire/frame.ts"
import { freshIpv4Header, type Ipv4Header } from "../../src/wire/ipv4.ts"
import { freshIpv6Header } from "../../src/wire/ipv6.ts"
import type { LinkHeader, LinkType } from "../../src/wire/link/link.ts"
import { decodeNeighbour } from "../../src/wire/neighbour-discovery.ts"
import { echoFrames, linkTypes } from "./arbitrary-frames.ts"
import { hasGoodChecksum } from "./echo-checksum.ts"

const ethernet = (destination: number[], source: number[]): LinkHeader => ({
  type: "ethernet",
  destination: Uint8Array.from(destination),
  source: Uint8Array.from(source),
  vlanTags: [],
  etherType: 0x0800,
})
const ipv4 = (source: string, destination: string): Ipv4Header =>
  freshIpv4Header(parseAddress(source) as Uint8Array, parseAddress(destination) as Uint8Array, 1)
const request4: EchoFrame = {
  link: ethernet([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]),
  ip: ipv4("192.0.2.2", "192.0.2.1"),
  echo: {
    kind: "request",
    identifier: 1,
    sequence: 2,
    data: new Uint8Array(128).fill(9),
    checksum: undefined,
  },
  trailer: new Uint8Array(0),
}

/** A header that no version of this program has written. */
const unknownLink = {
  ...ethernet([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]),
  type: "token-ring",
} as unknown as LinkHeader

const runs = { numRuns: 2000 }
const linkType = fc.constantFrom(...linkTypes)

function accepted<T>(result: Decoded<T>): T {
  if (!result.ok) throw new Error(`rejected: ${result.rejection.stage}/${result.rejection.reason}`)
  return result.value
}

/** Decodes, and when there is a frame checks that it encodes to the same bytes: the one law of every input. */
function decodesFaithfully(bytes: Uint8Array, type: LinkType): void {
  const result = decodeFrame(bytes, type)
  if (result.ok) expect(Buffer.compare(encodeFrame(result.value), bytes)).toBe(0)
  else expect(`${result.rejection.stage}/${result.rejection.reason}`).toMatch(/^[a-z0-9]+\/[a-z0-9-]+$/)
  decodeArp(bytes)
  decodeNeighbour(bytes)
}

describe("decoding", () => {
  it("gives back every field of a frame that was encoded, with right checksums", () => {
    fc.assert(
      fc.property(echoFrames, (frame) => {
        const bytes = encodeFrame(frame)
        const back = accepted(decodeFrame(bytes, frame.link.type))
        const { checksum, ...echo } = back.echo
        const { checksum: _, ...wanted } = frame.echo
        expect(echo).toEqual(wanted)
        expect(checksum).toBeTypeOf("number")
        expect(back.link).toEqual(frame.link)
        expect(back.trailer).toEqual(frame.trailer)
        expect({ ...back.ip, checksum: undefined }).toEqual({ ...frame.ip, checksum: undefined })
        expect(hasGoodChecksum(back)).toBe(true)
      }),
      runs,
    )
  })

  it("never throws on any bytes, and what decodes encodes to the same bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), linkType, (bytes, type) => {
        decodesFaithfully(bytes, type)
      }),
      { numRuns: 5000 },
    )
  })

  it("holds that for valid frames with bytes changed, under each link type", () => {
    const change = fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) })
    fc.assert(
      fc.property(echoFrames, fc.array(change, { minLength: 1, maxLength: 4 }), (frame, changes) => {
        const bytes = encodeFrame(frame)
        // Mostly in the headers: that is where bytes mean something.
        for (const { at, value } of changes) bytes[at % Math.min(bytes.length, 100)] = value
        for (const type of linkTypes) decodesFaithfully(bytes, type)
      }),
      runs,
    )
  })

  it("refuses a valid frame cut short at every length", () => {
    fc.assert(
      fc.property(echoFrames, (frame) => {
        const bytes = encodeFrame({ ...frame, trailer: new Uint8Array(0) })
        for (let length = 0; length < bytes.length; length += 1) {
          const result = decodeFrame(bytes.subarray(0, length), frame.link.type)
          expect(result.ok ? "decoded" : result.rejection.reason).toBe("truncated")
        }
      }),
      { numRuns: 100 },
    )
  })

  it("reads nothing outside the bytes it was given", () => {
    fc.assert(
      fc.property(echoFrames, (frame) => {
        const bytes = encodeFrame(frame)
        const padded = new Uint8Array(bytes.length + 64).fill(0x45)
        padded.set(bytes, 32)
        const back = accepted(decodeFrame(padded.subarray(32, 32 + bytes.length), frame.link.type))
        expect(encodeFrame(back)).toEqual(bytes)
      }),
      { numRuns: 200 },
    )
  })

  it("tells a changed header of IPv4 by its checksum, whichever bit it is", () => {
    const frame = encodeFrame(request4)
    for (let bit = 14 * 8; bit < 34 * 8; bit += 1) {
      const bytes = Uint8Array.from(frame)
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(decodeFrame(bytes, "ethernet").ok).toBe(false)
    }
  })

  it("copies nothing: the result shows what the caller's bytes hold", () => {
    const bytes = encodeFrame(request4)
    const { echo, ip } = accepted(decodeFrame(bytes, "ethernet"))
    bytes[bytes.length - 1] = 0xaa
    expect(echo.data.at(-1)).toBe(0xaa)
    expect(ip.sourceBytes.buffer).toBe(bytes.buffer)
  })
})

describe("replyFrame", () => {
  const isHost = (bytes: Uint8Array): boolean =>
    bytes.length === 4
      ? bytes[0] !== 0 && (bytes[0] as number) < 224
      : bytes[0] !== 0xff && bytes.some((byte) => byte !== 0)
  const answerable = echoFrames.filter(
    ({ link, ip, echo }) =>
      echo.kind === "request" &&
      isHost(ip.sourceBytes) &&
      isHost(ip.destinationBytes) &&
      (link.type !== "ethernet" || (((link.source[0] ?? 0) | (link.destination[0] ?? 0)) & 1) === 0),
  )

  it("swaps the addresses, keeps tags, id, sequence and length, and has good checksums", () => {
    fc.assert(
      fc.property(answerable, (frame) => {
        const sent = Uint8Array.from(frame.echo.data, (byte) => byte ^ 0xff)
        const answer = replyFrame(frame, sent)
        if (frame.link.type === "linux-sll" || frame.link.type === "linux-sll2") {
          expect(answer).toEqual(rejected("link", "no-interface"))
          return
        }
        const reply = accepted(decodeFrame(accepted(answer), frame.link.type))
        expect(reply.echo).toMatchObject({
          kind: "reply",
          identifier: frame.echo.identifier,
          sequence: frame.echo.sequence,
        })
        expect(reply.echo.data).toEqual(sent)
        expect(reply.ip.source).toBe(frame.ip.destination)
        expect(reply.ip.destination).toBe(frame.ip.source)
        expect(reply.ip.version === 4 ? reply.ip.ttl : reply.ip.hopLimit).toBe(64)
        expect(reply.ip.version === 4 ? reply.ip.options.length : reply.ip.extensions.length).toBe(0)
        expect(hasGoodChecksum(reply)).toBe(true)
        expect(reply.trailer.length).toBe(0)
        const { link } = frame
        const back = link.type === "ethernet" ? { source: link.destination, destination: link.source } : {}
        expect(reply.link).toEqual({ ...link, ...back })
      }),
      runs,
    )
  })

  it.each<[string, Rejection["stage"], string, Partial<EchoFrame>]>([
    ["a reply", "icmp", "not-a-request", { echo: { ...request4.echo, kind: "reply" } }],
    ["a multicast destination", "ipv4", "not-unicast", { ip: ipv4("192.0.2.2", "224.0.0.1") }],
    ["a broadcast destination", "ipv4", "not-unicast", { ip: ipv4("192.0.2.2", "255.255.255.255") }],
    ["a multicast source", "ipv4", "not-unicast", { ip: ipv4("224.0.0.1", "192.0.2.1") }],
    ["an unspecified source", "ipv4", "not-unicast", { ip: ipv4("0.0.0.0", "192.0.2.1") }],
    [
      "a broadcast link destination",
      "link",
      "group-address",
      { link: ethernet([0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [2, 0, 0, 0, 0, 2]) },
    ],
    [
      "a group link source",
      "link",
      "group-address",
      { link: ethernet([2, 0, 0, 0, 0, 1], [3, 0, 0, 0, 0, 2]) },
    ],
    ["a link header of an unknown type", "link", "unknown-type", { link: unknownLink }],
  ])("does not answer %s", (_, stage, reason, difference) => {
    expect(replyFrame(request4, new Uint8Array(8)).ok).toBe(true)
    expect(replyFrame({ ...request4, ...difference }, new Uint8Array(8))).toEqual(rejected(stage, reason))
  })

  it("does not answer with more than a packet can carry", () => {
    expect(replyFrame(request4, new Uint8Array(65_487)).ok).toBe(true)
    expect(replyFrame(request4, new Uint8Array(65_488))).toEqual(rejected("icmp", "too-long"))
  })

  it("keeps the DSCP of the request and clears its congestion marks", () => {
    const marked = { ...request4, ip: { ...ipv4("192.0.2.2", "192.0.2.1"), tos: 0xbb } }
    const reply = accepted(decodeFrame(accepted(replyFrame(marked, new Uint8Array(0))), "ethernet"))
    expect(reply.ip).toMatchObject({ tos: 0xb8, flags: 2, identification: 0 })
  })
})

describe("encodeFrame", () => {
  it("refuses what does not fit its field, instead of writing something else", () => {
    const { ip, echo } = request4
    expect(() => encodeFrame({ ...request4, echo: { ...echo, identifier: 0x1_0000 } })).toThrow(RangeError)
    expect(() => encodeFrame({ ...request4, echo: { ...echo, sequence: -1 } })).toThrow(RangeError)
    expect(() => encodeFrame({ ...request4, echo: { ...echo, data: new Uint8Array(65_508) } })).toThrow(
      RangeError,
    )
    const odd = { ...ip, options: new Uint8Array(3) } as EchoFrame["ip"]
    expect(() => encodeFrame({ ...request4, ip: odd })).toThrow(RangeError)
    const long = { ...ip, options: new Uint8Array(44) } as EchoFrame["ip"]
    expect(() => encodeFrame({ ...request4, ip: long })).toThrow(RangeError)
    const ip6 = freshIpv6Header(new Uint8Array(16), new Uint8Array(16), 58)
    const link = { ...request4.link, etherType: 0x86dd as const }
    expect(() => encodeFrame({ ...request4, link, ip: ip6 })).not.toThrow()
    expect(() => encodeFrame({ ...request4, link, ip: { ...ip6, trafficClass: 0x100 } })).toThrow(RangeError)
    expect(() => encodeFrame({ ...request4, link, ip: { ...ip6, flowLabel: 0x10_0000 } })).toThrow(RangeError)
  })
})
