import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  answerFrame,
  answerPacket,
  answerSegment,
  type CarrierFrame,
  decodeCarrier,
  encodeSegmentFrame,
  type SegmentFrame,
  segmentKind,
} from "../../src/wire/carrier-frame.ts"
import { type Decoded, rejected } from "../../src/wire/decoded.ts"
import { encodeFrame } from "../../src/wire/frame.ts"
import { decodeIpv4, type Ipv4Packet } from "../../src/wire/ipv4.ts"
import { decodeIpv6, type Ipv6Packet } from "../../src/wire/ipv6.ts"
import { type Segment, segmentLength, timestampsOf, timestampsOption } from "../../src/wire/tcp.ts"
import { echoFrames, linkTypes } from "./arbitrary-frames.ts"
import { segmentFrames } from "./arbitrary-segments.ts"
import { hasGoodSegmentChecksum } from "./segment-checksum.ts"

const runs = { numRuns: 1000 }

function accepted<T>(result: Decoded<T>): T {
  if (!result.ok) throw new Error(`rejected: ${result.rejection.stage}/${result.rejection.reason}`)
  return result.value
}

function segmentOf(result: Decoded<CarrierFrame>): SegmentFrame {
  const frame = accepted(result)
  if (!("segment" in frame)) throw new Error("an echo message")
  return frame
}

const encode = (frame: CarrierFrame): Uint8Array =>
  "echo" in frame ? encodeFrame(frame) : encodeSegmentFrame(frame)

const syn: Segment = {
  ...{ sourcePort: 40_000, destinationPort: 22, sequence: 0xffff_fff0, acknowledgment: 0, flags: 2 },
  ...{ window: 1024, checksum: undefined, urgentPointer: 0, options: new Uint8Array(0) },
  data: new Uint8Array(128).fill(7),
}
const answer = new Uint8Array(128).fill(9)

describe("decodeCarrier", () => {
  it("gives back every field of a segment that was encoded, with a right checksum", () => {
    fc.assert(
      fc.property(segmentFrames, (frame) => {
        const bytes = encodeSegmentFrame(frame)
        const back = segmentOf(decodeCarrier(bytes, frame.link.type))
        expect({ ...back.segment, checksum: undefined }).toEqual(frame.segment)
        expect(back.link).toEqual(frame.link)
        expect(back.trailer).toEqual(frame.trailer)
        expect({ ...back.ip, checksum: undefined }).toEqual({ ...frame.ip, checksum: undefined })
        const end = bytes.length - frame.trailer.length
        const wire = bytes.subarray(end - segmentLength(frame.segment), end)
        expect(hasGoodSegmentChecksum(frame, wire)).toBe(true)
      }),
      runs,
    )
  })

  it("reads echo messages too, and nothing else", () => {
    fc.assert(
      fc.property(echoFrames, (frame) => {
        const bytes = encodeFrame(frame)
        expect(encode(accepted(decodeCarrier(bytes, frame.link.type)))).toEqual(bytes)
      }),
      { numRuns: 200 },
    )
  })

  it("never throws on changed frames, and what decodes encodes to the same bytes", () => {
    const change = fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) })
    fc.assert(
      fc.property(segmentFrames, fc.array(change, { minLength: 1, maxLength: 4 }), (frame, changes) => {
        const bytes = encodeSegmentFrame(frame)
        for (const { at, value } of changes) bytes[at % Math.min(bytes.length, 120)] = value
        for (const type of linkTypes) {
          const result = decodeCarrier(bytes, type)
          if (result.ok) expect(Buffer.compare(encode(result.value), bytes)).toBe(0)
          else expect(result.rejection.reason).toMatch(/^[a-z0-9-]+$/)
        }
      }),
      runs,
    )
  })

  it("refuses a frame cut short at every length, and a header shorter than there is", () => {
    fc.assert(
      fc.property(segmentFrames, (frame) => {
        const bytes = encodeSegmentFrame({ ...frame, trailer: new Uint8Array(0) })
        for (let length = 0; length < bytes.length; length += 1)
          expect(decodeCarrier(bytes.subarray(0, length), frame.link.type).ok).toBe(false)
        const at = bytes.length - segmentLength(frame.segment) + 12
        bytes[at] = 0x40
        expect(decodeCarrier(bytes, frame.link.type)).toEqual(rejected("tcp", "bad-length"))
        bytes[at] = 0xf0
        const most = frame.segment.data.length + frame.segment.options.length
        if (most < 40) expect(decodeCarrier(bytes, frame.link.type)).toEqual(rejected("tcp", "truncated"))
      }),
      { numRuns: 50 },
    )
  })
})

describe("segmentKind", () => {
  it("knows a SYN and what an established connection carries by four flags, whatever the others say", () => {
    const kinds = (flags: number): unknown =>
      [0, 8, 0xe8, 0xfe8].map((more) => segmentKind({ ...syn, flags: flags | more }))
    expect(kinds(2)).toEqual(new Array(4).fill("syn"))
    expect(kinds(16)).toEqual(new Array(4).fill("established"))
    for (const flags of [0, 1, 3, 4, 6, 17, 18, 20])
      expect(kinds(flags)).toEqual(new Array(4).fill(undefined))
  })
})

describe("answerSegment", () => {
  it("answers a SYN by a SYN-ACK with the data, and what follows by segments behind it", () => {
    const first = answerSegment(syn, answer, { before: 0, initial: 0xffff_ffff })
    const ports = { sourcePort: 22, destinationPort: 40_000, urgentPointer: 0, window: 0xffff }
    const common = {
      ...ports,
      acknowledgment: 0x71,
      checksum: undefined,
      options: new Uint8Array(0),
      data: answer,
    }
    expect(first).toEqual({ ...common, sequence: 0xffff_ffff, flags: 0x12 })
    const second = answerSegment(syn, answer, { before: 128, initial: 0xffff_ffff })
    expect(second).toEqual({ ...common, sequence: 128, flags: 0x18 })
  })

  it("answers in a connection with what its other end waits for, and its timestamps", () => {
    const option = timestampsOption({ value: 0xfedc_ba98, echo: 5 })
    const heard = { ...syn, flags: 24, sequence: 1000, acknowledgment: 0xffff_ffff, options: option }
    const first = answerSegment(heard, answer, { before: 0, initial: 77 })
    expect(first).toMatchObject({ sequence: 0xffff_ffff, acknowledgment: 1128, flags: 0x18, window: 501 })
    expect(timestampsOf(first.options)).toEqual({ value: 0x10_0005, echo: 0xfedc_ba98 })
    const second = answerSegment(heard, answer, { before: 128, initial: 77 })
    expect(second).toMatchObject({ sequence: 127, acknowledgment: 1128 })
    expect(
      answerSegment({ ...heard, options: Uint8Array.of(1, 1, 8, 10) }, answer, { before: 0, initial: 0 })
        .options,
    ).toHaveLength(0)
  })

  it("goes back where the request came from, by a frame or by a packet, with right checksums", () => {
    const host = fc.constantFrom(1, 2)
    fc.assert(
      fc.property(segmentFrames, host, fc.integer({ min: 0, max: 3 }), (made, flag, count) => {
        const frame = { ...made, segment: { ...made.segment, flags: flag === 1 ? 2 : 16 } }
        const place = { before: 128 * count, initial: 12 }
        const packet = answerPacket(frame, answer, place)
        const { ip } = frame
        const read: Ipv4Packet | Ipv6Packet =
          ip.version === 4 ? accepted(decodeIpv4(packet, false)) : accepted(decodeIpv6(packet))
        expect(read.header.source).toBe(ip.destination)
        expect(read.header.destination).toBe(ip.source)
        const turned = { ...frame, ip: read.header }
        expect(hasGoodSegmentChecksum(turned, read.payload)).toBe(true)
        const whole = answerFrame(frame, answer, place)
        if (!whole.ok) {
          expect(["no-interface", "group-address", "not-unicast"]).toContain(whole.rejection.reason)
          return
        }
        expect(Buffer.from(whole.value).subarray(-packet.length)).toEqual(Buffer.from(packet))
        const back = segmentOf(decodeCarrier(whole.value, frame.link.type))
        expect(back.segment.data).toEqual(answer)
        expect(back.link.vlanTags).toEqual(frame.link.vlanTags)
      }),
      runs,
    )
  })
})

describe("timestampsOf", () => {
  it("finds the option wherever it stands, and throws on nothing", () => {
    const option = [...timestampsOption({ value: 1, echo: 2 })].slice(2)
    const mss = [2, 4, 5, 0xb4]
    expect(timestampsOf(Uint8Array.from([...mss, ...option, 1, 1]))).toEqual({ value: 1, echo: 2 })
    expect(timestampsOf(Uint8Array.from([...mss, 0, ...option]))).toBeUndefined()
    expect(timestampsOf(Uint8Array.from([8, 9, 0, 0, 0, 0, 0, 0, 0, 0]))).toBeUndefined()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        timestampsOf(bytes)
      }),
      { numRuns: 5000 },
    )
  })
})
