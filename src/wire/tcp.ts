import { onesSum, pseudoHeaderSum } from "./checksum.ts"
import { type Decoded, decoded, rejected } from "./decoded.ts"
import { Reader } from "./reader.ts"
import type { Writer } from "./writer.ts"

/**
 * A TCP segment (RFC 9293 section 3.1). Its data offset is not kept: it follows from the options.
 *
 * ```
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-------------------------------+-------------------------------+
 *  |          source port          |       destination port        |
 *  +-------------------------------+-------------------------------+
 *  |                        sequence number                        |
 *  +---------------------------------------------------------------+
 *  |                     acknowledgment number                     |
 *  +-------+-----------------------+-------------------------------+
 *  |offset |         flags         |            window             |
 *  +-------+-----------------------+-------------------------------+
 *  |           checksum            |        urgent pointer         |
 *  +-------------------------------+-------------------------------+
 *  |                    options, 0 to 40 bytes                     |
 *  +---------------------------------------------------------------+
 * ```
 */
export interface Segment {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly sequence: number
  readonly acknowledgment: number
  /** Twelve bits: four reserved ones, then CWR, ECE, URG, ACK, PSH, RST, SYN, FIN ({@link tcpFlags}). */
  readonly flags: number
  readonly window: number
  /** As it came, right or wrong: nothing is decided by it. Undefined has it computed when encoded. */
  readonly checksum: number | undefined
  readonly urgentPointer: number
  /** Raw, a multiple of 4 bytes. */
  readonly options: Uint8Array
  readonly data: Uint8Array
}

export const protocolTcp = 6
/** The flags that are looked at or set here. */
export const tcpFlags = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const

const shortestHeader = 20

const truncated = rejected("tcp", "truncated")
const badLength = rejected("tcp", "bad-length")

/** Reads a segment; slices are views, and `data` runs to the end of `bytes`. Options are not interpreted. Never throws. */
export function decodeSegment(bytes: Uint8Array): Decoded<Segment> {
  const reader = new Reader(bytes)
  const sourcePort = reader.u16()
  const destinationPort = reader.u16()
  const sequence = reader.u32()
  const acknowledgment = reader.u32()
  const offsetAndFlags = reader.u16()
  const window = reader.u16()
  const checksum = reader.u16()
  const urgentPointer = reader.u16()
  if (reader.overran) return truncated
  const headerLength = (offsetAndFlags >>> 12) * 4
  if (headerLength < shortestHeader) return badLength
  const options = reader.take(headerLength - shortestHeader)
  if (reader.overran) return truncated
  return decoded({
    ...{ sourcePort, destinationPort, sequence, acknowledgment },
    flags: offsetAndFlags & 0xfff,
    ...{ window, checksum, urgentPointer, options },
    data: reader.rest(),
  })
}

/** Bytes that {@link writeSegment} appends. */
export function segmentLength({ options, data }: Segment): number {
  return shortestHeader + options.length + data.length
}

/**
 * Appends a segment; a checksum that is undefined is computed, over the pseudo header too (RFC 9293 3.1, RFC 8200 8.1).
 *
 * @param source address of the packet, 4 or 16 bytes
 * @param destination as many
 * @throws RangeError when a field does not fit, or the options are not a multiple of 4 bytes
 */
export function writeSegment(
  writer: Writer,
  segment: Segment,
  source: Uint8Array,
  destination: Uint8Array,
): void {
  const { sequence, acknowledgment, flags, options, data } = segment
  if (options.length > 40 || options.length % 4 !== 0 || flags < 0 || flags > 0xfff)
    throw new RangeError(
      `cannot write ${options.length} bytes of options, flags ${flags}: at most 40 and 12 bits fit`,
    )
  const start = writer.at
  writer.u16(segment.sourcePort)
  writer.u16(segment.destinationPort)
  writer.u32(sequence)
  writer.u32(acknowledgment)
  writer.u16(((shortestHeader + options.length) / 4) * 0x1000 + flags)
  writer.u16(segment.window)
  writer.u16(segment.checksum ?? 0)
  writer.u16(segment.urgentPointer)
  writer.bytes(options)
  writer.bytes(data)
  if (segment.checksum !== undefined) return
  const pseudo = pseudoHeaderSum(source, destination, segmentLength(segment), protocolTcp)
  writer.u16At(start + 16, ~onesSum(writer.since(start), pseudo) & 0xffff)
}

/**
 * The timestamps option (RFC 7323 3.2): the sender's clock, and the latest of ours that it has seen. Undefined where there is
 * none, or the options are malformed.
 */
export function timestampsOf(options: Uint8Array): { value: number; echo: number } | undefined {
  const reader = new Reader(options)
  while (reader.left > 0) {
    const kind = reader.u8()
    if (kind === 0) return undefined // end of option list
    if (kind === 1) continue // no operation
    const length = reader.u8()
    if (length < 2) return undefined // also what an overrun reads
    const body = new Reader(reader.take(length - 2))
    if (reader.overran) return undefined
    if (kind === 8 && length === 10) return { value: body.u32(), echo: body.u32() }
  }
  return undefined
}

/** The option that says so, padded to 12 bytes as RFC 7323 appendix A has it. */
export function timestampsOption({ value, echo }: { value: number; echo: number }): Uint8Array {
  const bytes = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0)
  const view = new DataView(bytes.buffer)
  view.setUint32(4, value)
  view.setUint32(8, echo)
  return bytes
}
