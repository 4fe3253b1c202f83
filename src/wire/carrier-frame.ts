import { type Decoded, decoded } from "./decoded.ts"
import { decodePacket, type EchoFrame, echoOf, encodePacket, headersBack, ipBack } from "./frame.ts"
import type { Ipv4Header } from "./ipv4.ts"
import type { Ipv6Header } from "./ipv6.ts"
import type { LinkHeader, LinkType } from "./link/link.ts"
import { untagged } from "./link/vlan.ts"
import {
  decodeSegment,
  protocolTcp,
  type Segment,
  segmentLength,
  tcpFlags,
  timestampsOf,
  timestampsOption,
  writeSegment,
} from "./tcp.ts"

/**
 * A frame that carries one TCP segment.
 *
 * ```
 *  link header, VLAN tags | IPv4 and options, or IPv6 and extension headers | segment | link padding
 * ```
 */
export interface SegmentFrame {
  readonly link: LinkHeader
  readonly ip: Ipv4Header | Ipv6Header
  readonly segment: Segment
  readonly trailer: Uint8Array
}

/** A frame of either carrier of a knock. */
export type CarrierFrame = EchoFrame | SegmentFrame

/** Reads one captured frame with an echo message or a TCP segment in it, as `decodeFrame` does. */
export function decodeCarrier(bytes: Uint8Array, linkType: LinkType): Decoded<CarrierFrame> {
  const packet = decodePacket(bytes, linkType)
  if (!packet.ok) return packet
  const { link, ip, payload, trailer } = packet.value
  if (ip.protocol !== protocolTcp) return echoOf(packet.value)
  const segment = decodeSegment(payload)
  return segment.ok ? decoded({ link, ip, segment: segment.value, trailer }) : segment
}

/**
 * The bytes of a frame with a segment. What {@link decodeCarrier} read comes out as it went in; checksums that are undefined
 * are computed.
 * @throws RangeError when a field does not fit its place
 */
export function encodeSegmentFrame(frame: SegmentFrame): Uint8Array {
  const { ip, segment } = frame
  return encodePacket(frame, segmentLength(segment), (writer) =>
    writeSegment(writer, segment, ip.sourceBytes, ip.destinationBytes),
  )
}

/** The part that a segment has in a connection: it asks for one, or it is one of an established one. */
export type SegmentKind = "syn" | "established"

/** Undefined for a segment that ends a connection, or agrees to one. */
export function segmentKind({ flags }: Segment): SegmentKind | undefined {
  const { fin, syn, rst, ack } = tcpFlags
  switch (flags & (fin | syn | rst | ack)) {
    case syn:
      return "syn"
    case ack:
      return "established"
    default:
      return undefined
  }
}

/** An answer's place behind what a segment carried. */
export interface AnswerPlace {
  /** Bytes of answers that went before this one. */
  readonly before: number
  /** The sequence number of the SYN-ACK, which begins a connection that only the two ends of a knock know. */
  readonly initial: number
}

/**
 * How far an answer's timestamp is ahead of the latest that the other end has echoed. What the kernel has acknowledged since is
 * later, by a round trip and (with SYN cookies) 128 ticks, and whatever is not later is dropped (RFC 7323 5.3): 17 minutes of
 * milliseconds, or a second of microseconds.
 */
const ahead = 0x10_0000

/** The window that an answer offers. Nobody sends into it. */
const window = { syn: 0xffff, established: 501 } as const

/**
 * The segment that answers `request` (`syn` or `established`) with `data`. To a SYN it is a SYN-ACK that carries the data
 * (RFC 9293 3.8: allowed, and delivered once the connection stands), and later ones follow it. In an established connection
 * it is what the other end waits for next, with a timestamp, or RFC 7323 3.2 has it dropped.
 */
export function answerSegment(request: Segment, data: Uint8Array, place: AnswerPlace): Segment {
  const { syn, psh, ack } = tcpFlags
  const toSyn = segmentKind(request) === "syn"
  const timestamps = toSyn ? undefined : timestampsOf(request.options)
  const first = toSyn && place.before === 0
  const begin = toSyn ? place.initial + (first ? 0 : 1) : request.acknowledgment
  return {
    sourcePort: request.destinationPort,
    destinationPort: request.sourcePort,
    sequence: (begin + place.before) >>> 0,
    acknowledgment: (request.sequence + (toSyn ? 1 : 0) + request.data.length) >>> 0,
    flags: first ? syn | ack : psh | ack,
    window: toSyn ? window.syn : window.established,
    checksum: undefined,
    urgentPointer: 0,
    options:
      timestamps === undefined
        ? noOptions
        : timestampsOption({ value: (timestamps.echo + ahead) >>> 0, echo: timestamps.value }),
    data,
  }
}

const noOptions = new Uint8Array(0)

/** The frame that carries it below the firewall; a rejection where nothing can be injected (see `headersBack`). */
export function answerFrame(
  request: SegmentFrame,
  data: Uint8Array,
  place: AnswerPlace,
): Decoded<Uint8Array> {
  const back = headersBack(request, protocolTcp)
  if (!back.ok) return back
  return decoded(encodeSegmentFrame({ ...back.value, segment: answerSegment(request.segment, data, place) }))
}

/** The same from IP on, for a socket that takes the IP header too. */
export function answerPacket(
  { ip, segment }: SegmentFrame,
  data: Uint8Array,
  place: AnswerPlace,
): Uint8Array {
  const link: LinkHeader = {
    type: "raw",
    vlanTags: untagged,
    etherType: ip.version === 4 ? 0x0800 : 0x86dd,
  }
  return encodeSegmentFrame({
    link,
    ip: ipBack(ip, protocolTcp),
    segment: answerSegment(segment, data, place),
    trailer: noOptions,
  })
}
