import { addressText } from "./address.ts"
import { type Decoded, decoded, rejected } from "./decoded.ts"
import { Reader } from "./reader.ts"
import type { Writer } from "./writer.ts"

/**
 * An IPv6 header (RFC 8200 section 3) with its extension headers. The payload length is not kept: it follows from what
 * it is encoded with.
 *
 * ```
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-------+---------------+---------------------------------------+
 *  |   6   | traffic class |              flow label               |
 *  +-------+---------------+-------+---------------+---------------+
 *  |        payload length         |  next header  |   hop limit   |
 *  +-------------------------------+---------------+---------------+
 *  |                       source, 16 bytes                        |
 *  +---------------------------------------------------------------+
 *  |                     destination, 16 bytes                     |
 *  +---------------------------------------------------------------+
 *
 *  extension header:  next header (1) | length in 8-byte units, without the first (1) | ...
 * ```
 */
export interface Ipv6Header {
  readonly version: 6
  /** Canonical text of `sourceBytes`, which is what gets encoded. */
  readonly source: string
  readonly destination: string
  readonly sourceBytes: Uint8Array
  readonly destinationBytes: Uint8Array
  readonly trafficClass: number
  readonly flowLabel: number
  readonly hopLimit: number
  /** The kind of the first extension header, or the protocol itself where there is none. */
  readonly nextHeader: number
  /** The protocol behind the last extension header; the same as `nextHeader` where there is none. */
  readonly protocol: number
  /** Raw: all of them, one after the other. */
  readonly extensions: Uint8Array
}

/** A header, what it carries, and what the link added after it. */
export interface Ipv6Packet {
  readonly header: Ipv6Header
  readonly payload: Uint8Array
  /** Link padding after the packet's own end, to be kept when the same bytes are wanted again. */
  readonly trailer: Uint8Array
}

export const protocolIcmpv6 = 58

/** Far more than RFC 8200 4.1 has a use for (four), and few enough to make a packet constant work. */
const mostExtensions = 8
const hopByHop = 0
const routing = 43
const fragmentHeader = 44
const destinationOptions = 60

const truncated = rejected("ipv6", "truncated")
const badVersion = rejected("ipv6", "bad-version")
const badLength = rejected("ipv6", "bad-length")
const fragment = rejected("ipv6", "fragment")
const badExtension = rejected("ipv6", "bad-extension")
const tooManyExtensions = rejected("ipv6", "too-many-extensions")
const sourceRouted = rejected("ipv6", "source-routed")

/**
 * Reads an IPv6 packet, whole and final: no fragment header (not even that of an atomic fragment), no jumbogram, and no
 * routing header with segments left, since its destination address is not where it ends. Slices are views. Never
 * throws. Options inside the extension headers are not interpreted.
 */
export function decodeIpv6(bytes: Uint8Array): Decoded<Ipv6Packet> {
  const reader = new Reader(bytes)
  const first = reader.u32()
  const payloadLength = reader.u16()
  const nextHeader = reader.u8()
  const hopLimit = reader.u8()
  const sourceBytes = reader.take(16)
  const destinationBytes = reader.take(16)
  if (reader.overran) return truncated
  if (first >>> 28 !== 6) return badVersion
  if (payloadLength === 0) return badLength // a jumbogram (RFC 2675), or nothing
  const upper = reader.take(payloadLength)
  if (reader.overran) return truncated
  const trailer = reader.rest()
  const chain = walkExtensions(upper, nextHeader)
  if (!chain.ok) return chain
  const { protocol, length } = chain.value
  return decoded({
    header: {
      version: 6,
      source: addressText(sourceBytes),
      destination: addressText(destinationBytes),
      sourceBytes,
      destinationBytes,
      trafficClass: (first >>> 20) & 0xff,
      flowLabel: first & 0xf_ffff,
      hopLimit,
      nextHeader,
      protocol,
      extensions: upper.subarray(0, length),
    },
    payload: upper.subarray(length),
    trailer,
  })
}

/**
 * A header for a packet of our own: no extension headers, flow label 0.
 *
 * @param hopLimit 64 for what is routed; neighbour discovery wants 255
 * @param trafficClass DSCP in the upper six bits; the lower two (ECN) should be 0
 */
export function freshIpv6Header(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  hopLimit = 64,
  trafficClass = 0,
): Ipv6Header {
  return {
    version: 6,
    source: addressText(source),
    destination: addressText(destination),
    sourceBytes: source,
    destinationBytes: destination,
    trafficClass,
    flowLabel: 0,
    hopLimit,
    nextHeader: protocol,
    protocol,
    extensions: new Uint8Array(0),
  }
}

/** Bytes that {@link writeIpv6} appends. */
export function ipv6HeaderLength(header: Ipv6Header): number {
  return 40 + header.extensions.length
}

/**
 * Appends the header, extension headers included, of a packet that carries `payloadLength` bytes behind them.
 * @throws RangeError when a field does not fit or the packet would be longer than its length field can say.
 */
export function writeIpv6(writer: Writer, header: Ipv6Header, payloadLength: number): void {
  const { trafficClass, flowLabel } = header
  if (trafficClass > 0xff || flowLabel > 0xf_ffff)
    throw new RangeError(
      `cannot write traffic class ${trafficClass}, flow label ${flowLabel}: 8 and 20 bits are wanted`,
    )
  writer.u32(6 * 0x1000_0000 + trafficClass * 0x10_0000 + flowLabel)
  writer.u16(header.extensions.length + payloadLength)
  writer.u8(header.nextHeader)
  writer.u8(header.hopLimit)
  writer.bytes(header.sourceBytes)
  writer.bytes(header.destinationBytes)
  writer.bytes(header.extensions)
}

/** Follows the chain (RFC 8200 4.1-4.6) to the protocol it ends at, `length` bytes into `upper`. */
function walkExtensions(upper: Uint8Array, first: number): Decoded<{ protocol: number; length: number }> {
  const reader = new Reader(upper)
  let next = first
  for (let count = 0; ; count += 1) {
    if (next === fragmentHeader) return fragment
    if (next !== hopByHop && next !== routing && next !== destinationOptions)
      return decoded({ protocol: next, length: upper.length - reader.left })
    if (next === hopByHop && count > 0) return badExtension // RFC 8200 4.1: only directly after the IPv6 header
    if (count === mostExtensions) return tooManyExtensions
    const kind = next
    next = reader.u8()
    const units = reader.u8()
    const body = reader.take(6 + units * 8)
    if (reader.overran) return truncated
    // RFC 8200 4.4: the second byte is segments left; with none left the header is skipped, whatever its type.
    if (kind === routing && body[1] !== 0) return sourceRouted
  }
}
