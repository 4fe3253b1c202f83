import { addressText } from "./address.ts"
import { internetChecksum, onesSum } from "./checksum.ts"
import { type Decoded, decoded, type Rejected, rejected } from "./decoded.ts"
import { Reader } from "./reader.ts"
import type { Writer } from "./writer.ts"

/**
 * An IPv4 header (RFC 791 section 3.1). Its lengths are not kept: they follow from what it is encoded with.
 *
 * ```
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-------+-------+---------------+-------------------------------+
 *  |   4   |  IHL  |      tos      |         total length          |
 *  +-------+-------+---------------+-----+-------------------------+
 *  |        identification         |flags|     fragment offset     |
 *  +---------------+---------------+-----+-------------------------+
 *  |      ttl      |   protocol    |           checksum            |
 *  +---------------+---------------+-------------------------------+
 *  |                            source                             |
 *  +---------------------------------------------------------------+
 *  |                          destination                          |
 *  +---------------------------------------------------------------+
 *  |                    options, 0 to 40 bytes                     |
 *  +---------------------------------------------------------------+
 * ```
 */
export interface Ipv4Header {
  readonly version: 4
  /** Canonical text of `sourceBytes`, which is what gets encoded. */
  readonly source: string
  readonly destination: string
  readonly sourceBytes: Uint8Array
  readonly destinationBytes: Uint8Array
  readonly tos: number
  readonly identification: number
  /** Three bits: reserved 4, don't fragment 2; more fragments 1 is never decoded. */
  readonly flags: number
  readonly ttl: number
  readonly protocol: number
  /** As it came; undefined has it computed when encoded. */
  readonly checksum: number | undefined
  /** Raw, a multiple of 4 bytes. */
  readonly options: Uint8Array
}

/** A header, what it carries, and what the link added after it. */
export interface Ipv4Packet {
  readonly header: Ipv4Header
  readonly payload: Uint8Array
  /** Link padding after the packet's own end, to be kept when the same bytes are wanted again. */
  readonly trailer: Uint8Array
}

export const protocolIcmp = 1

const truncated = rejected("ipv4", "truncated")
const badVersion = rejected("ipv4", "bad-version")
const badLength = rejected("ipv4", "bad-length")
const badChecksum = rejected("ipv4", "bad-checksum")
const badOptions = rejected("ipv4", "bad-options")
const sourceRouted = rejected("ipv4", "source-routed")
const fragment = rejected("ipv4", "fragment")

/**
 * Reads an IPv4 packet as ip_rcv() (net/ipv4/ip_input.c) would let it in, whole and final: no fragments, and no source
 * route that still goes on, since its destination address is not where it ends. Slices are views. Never throws.
 *
 * @param checksumMayBeBlank tolerates a wrong header checksum, for packets seen before the hardware filled it in
 */
export function decodeIpv4(bytes: Uint8Array, checksumMayBeBlank: boolean): Decoded<Ipv4Packet> {
  const reader = new Reader(bytes)
  const versionAndLength = reader.u8()
  const tos = reader.u8()
  const totalLength = reader.u16()
  const identification = reader.u16()
  const flagsAndOffset = reader.u16()
  const ttl = reader.u8()
  const protocol = reader.u8()
  const checksum = reader.u16()
  const sourceBytes = reader.take(4)
  const destinationBytes = reader.take(4)
  if (reader.overran) return truncated
  if (versionAndLength >>> 4 !== 4) return badVersion
  const headerLength = (versionAndLength & 0x0f) * 4
  if (headerLength < 20 || totalLength < headerLength) return badLength
  if (totalLength > bytes.length) return truncated
  const options = reader.take(headerLength - 20)
  const payload = reader.take(totalLength - headerLength)
  if (!checksumMayBeBlank && onesSum(bytes.subarray(0, headerLength)) !== 0xffff) return badChecksum
  if ((flagsAndOffset & 0x3fff) !== 0) return fragment // more fragments, or not the first one
  const refused = inspectOptions(options)
  if (refused !== undefined) return refused
  return decoded({
    header: {
      version: 4,
      source: addressText(sourceBytes),
      destination: addressText(destinationBytes),
      sourceBytes,
      destinationBytes,
      tos,
      identification,
      flags: flagsAndOffset >>> 13,
      ttl,
      protocol,
      checksum,
      options,
    },
    payload,
    trailer: reader.rest(),
  })
}

/**
 * A header for a packet of our own: ttl 64, not to be fragmented, no options, identification 0 (RFC 6864 4.1 leaves it
 * without meaning for a packet that cannot be fragmented), checksum computed.
 *
 * @param tos DSCP in the upper six bits; the lower two (ECN) should be 0
 */
export function freshIpv4Header(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  tos = 0,
): Ipv4Header {
  return {
    version: 4,
    source: addressText(source),
    destination: addressText(destination),
    sourceBytes: source,
    destinationBytes: destination,
    tos,
    identification: 0,
    flags: 2,
    ttl: 64,
    protocol,
    checksum: undefined,
    options: new Uint8Array(0),
  }
}

/** Bytes that {@link writeIpv4} appends. */
export function ipv4HeaderLength(header: Ipv4Header): number {
  return 20 + header.options.length
}

/**
 * Appends the header of a packet that carries `payloadLength` bytes.
 * @throws RangeError when a field does not fit, the options are not a multiple of 4 bytes, or the packet would be longer
 * than 65535 bytes.
 */
export function writeIpv4(writer: Writer, header: Ipv4Header, payloadLength: number): void {
  const start = writer.at
  const headerLength = ipv4HeaderLength(header)
  if (headerLength > 60)
    throw new RangeError(`cannot write ${header.options.length} bytes of options: at most 40 fit`)
  writer.u8(0x40 + headerLength / 4)
  writer.u8(header.tos)
  writer.u16(headerLength + payloadLength)
  writer.u16(header.identification)
  writer.u16(header.flags << 13)
  writer.u8(header.ttl)
  writer.u8(header.protocol)
  writer.u16(header.checksum ?? 0)
  writer.bytes(header.sourceBytes)
  writer.bytes(header.destinationBytes)
  writer.bytes(header.options)
  if (header.checksum === undefined) writer.u16At(start + 10, internetChecksum(writer.since(start)))
}

/** Walks the options (RFC 791 3.1, at most 40 bytes): undefined when they are well formed and route nowhere. */
function inspectOptions(options: Uint8Array): Rejected | undefined {
  const reader = new Reader(options)
  while (reader.left > 0) {
    const type = reader.u8()
    if (type === 0) return undefined // end of option list: what follows is padding
    if (type === 1) continue // no operation
    const length = reader.u8()
    if (length < 2) return badOptions // also what an overrun reads
    const data = new Reader(reader.take(length - 2))
    if (reader.overran) return badOptions
    // Loose and strict source route: the pointer, counted from the type, is behind the end once the route is used up.
    if ((type === 0x83 || type === 0x89) && data.u8() <= length) return sourceRouted
  }
  return undefined
}
