import { onesSum } from "./checksum.ts"
import { type Decoded, decoded, rejected } from "./decoded.ts"
import { Reader } from "./reader.ts"
import type { Writer } from "./writer.ts"

/**
 * An echo message, the same in ICMP (RFC 792, types 8 and 0) and ICMPv6 (RFC 4443 section 4, types 128 and 129).
 *
 * ```
 *  type (1) | code (1) = 0 | checksum (2) | identifier (2) | sequence (2) | data
 * ```
 */
export interface Echo {
  readonly kind: "request" | "reply"
  readonly identifier: number
  readonly sequence: number
  readonly data: Uint8Array
  /**
   * As it came, right or wrong: nothing is decided by it, and a packet on its way out of the capturing machine may not
   * have one yet. Undefined has it computed when encoded.
   */
  readonly checksum: number | undefined
}

/** ICMP of 4 and of 6 differ in type numbers, and 6 sums a pseudo header too. */
export type IpVersion = 4 | 6

/** Bytes in front of the data. */
export const echoHeaderLength = 8

const types = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const

const truncated = rejected("icmp", "truncated")
const notEcho = rejected("icmp", "not-echo")

/** Reads an echo request or reply; `data` is a view and runs to the end of `bytes`. Never throws. */
export function decodeEcho(bytes: Uint8Array, version: IpVersion): Decoded<Echo> {
  const reader = new Reader(bytes)
  const type = reader.u8()
  const code = reader.u8()
  const checksum = reader.u16()
  const identifier = reader.u16()
  const sequence = reader.u16()
  if (reader.overran) return truncated
  const { request, reply } = types[version]
  if ((type !== request && type !== reply) || code !== 0) return notEcho
  const kind = type === request ? "request" : "reply"
  return decoded({ kind, identifier, sequence, data: reader.rest(), checksum })
}

/**
 * Appends an echo message of 8 bytes and its data.
 *
 * @param start sum of the pseudo header (ICMPv6), 0 for ICMP
 * @throws RangeError when a field does not fit
 */
export function writeEcho(writer: Writer, echo: Echo, version: IpVersion, start: number): void {
  writer.u8(types[version][echo.kind])
  writer.u8(0)
  writer.u16(echo.checksum ?? ~echoSum(echo, version, start) & 0xffff)
  writer.u16(echo.identifier)
  writer.u16(echo.sequence)
  writer.bytes(echo.data)
}

/** The one's complement sum of the message with 0 for its checksum, on top of `start`; 0..0xffff. */
function echoSum(echo: Echo, version: IpVersion, start: number): number {
  const typeAndCode = types[version][echo.kind] << 8
  return onesSum(echo.data, start + typeAndCode + echo.identifier + echo.sequence)
}
