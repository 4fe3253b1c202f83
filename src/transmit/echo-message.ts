import { addressText } from "../wire/address.ts"
import { pseudoHeaderSum } from "../wire/checksum.ts"
import { decodeEcho, echoHeaderLength, type IpVersion, writeEcho } from "../wire/icmp.ts"
import { Writer } from "../wire/writer.ts"
import type { HeardReply, HeardUnreachable, OutgoingPacket } from "./transmitter.ts"

// Protocol numbers, and "destination unreachable" (RFC 792, RFC 4443 3.1).
const protocols = { 4: 1, 6: 58 } as const
const unreachableTypes = { 4: 3, 6: 1 } as const

/**
 * An echo request for a socket. IPv4 carries its checksum; for ICMPv6 the kernel fills it in (RFC 3542 3.1), since only it
 * knows the source address.
 */
export function writeEchoRequest(family: IpVersion, echo: OutgoingPacket): Uint8Array {
  const message = new Writer(echoHeaderLength + echo.data.length)
  writeEcho(message, { ...echo, kind: "request", checksum: family === 4 ? undefined : 0 }, family, 0)
  return message.finish()
}

/**
 * A whole IP packet with an echo reply, for a socket that takes the IP header too. IPv4's total length, identification and
 * header checksum are left to the kernel (raw(7), IP_HDRINCL).
 * @param source 4 or 16 bytes
 * @param destination as many
 */
export function echoReplyPacket(
  source: Uint8Array,
  destination: Uint8Array,
  echo: OutgoingPacket,
): Uint8Array {
  const length = echoHeaderLength + echo.data.length
  const family = source.length === 4 ? 4 : 6
  const packet = new Writer((family === 4 ? 20 : 40) + length)
  if (family === 4) {
    // RFC 791 3.1: version and header length, type of service, length, identification, fragment, time to live, protocol
    for (const byte of [0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocols[4], 0, 0]) packet.u8(byte)
  } else {
    // RFC 8200 section 3: version, traffic class and flow label, payload length, next header, hop limit
    packet.u32(0x6000_0000)
    packet.u16(length)
    packet.u8(protocols[6])
    packet.u8(64)
  }
  packet.bytes(source)
  packet.bytes(destination)
  const pseudo = family === 4 ? 0 : pseudoHeaderSum(source, destination, length, protocols[6])
  writeEcho(packet, { ...echo, kind: "reply", checksum: undefined }, family, pseudo)
  return packet.finish()
}

/**
 * The echo reply in what a socket gave: an ICMP message, behind an IPv4 header where the socket is raw (a reply's first byte
 * is 0 or 129, never 0x4_, so the two cannot be mixed up).
 * @returns undefined for anything that is not a whole echo reply; the kernel has checked the checksum
 */
export function readEchoReply(family: IpVersion, bytes: Uint8Array): Omit<HeardReply, "address"> | undefined {
  const echo = decodeEcho(withoutIpv4Header(bytes), family)
  if (!echo.ok || echo.value.kind !== "reply") return undefined
  const { identifier, sequence, data } = echo.value
  return { identifier, sequence, data }
}

/** The echo request that somebody says did not arrive, or undefined for anything else. */
export function readUnreachable(
  family: IpVersion,
  bytes: Uint8Array,
): Omit<HeardUnreachable, "from"> | undefined {
  const message = withoutIpv4Header(bytes)
  if (message[0] !== unreachableTypes[family]) return undefined
  const packet = message.subarray(echoHeaderLength)
  const headerBytes = family === 4 ? ((packet[0] ?? 0) & 0x0f) * 4 : 40
  if (headerBytes < 20 || packet[family === 4 ? 9 : 6] !== protocols[family]) return undefined
  const echo = decodeEcho(packet.subarray(headerBytes), family)
  if (!echo.ok || echo.value.kind !== "request") return undefined
  const { identifier, sequence } = echo.value
  const destination = addressText(family === 4 ? packet.subarray(16, 20) : packet.subarray(24, 40))
  return { destination, identifier, sequence, reason: reasonFor(family, message[1] ?? 0) }
}

function withoutIpv4Header(bytes: Uint8Array): Uint8Array {
  const first = bytes[0] ?? 0
  return first >>> 4 === 4 ? bytes.subarray((first & 0x0f) * 4) : bytes
}

/** RFC 792 "Destination Unreachable" with RFC 1812 5.2.7.1; RFC 4443 3.1. */
function reasonFor(family: IpVersion, code: number): string {
  const prohibited = family === 4 ? [9, 10, 13] : [1, 5, 6]
  if (prohibited.includes(code)) return "administratively prohibited"
  if (code === 0) return family === 4 ? "network unreachable" : "no route"
  if (code === (family === 4 ? 1 : 3)) return "host unreachable"
  return `unreachable (code ${code})`
}
