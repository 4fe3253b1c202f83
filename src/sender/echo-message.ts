import { addressText } from "../wire/address.ts"
import { internetChecksum, onesSum, pseudoHeaderSum } from "../wire/checksum.ts"
import { Writer } from "../wire/writer.ts"
import type { HeardReply, HeardUnreachable, OutgoingEcho } from "./transmitter.ts"

/*
 * Echo messages as sockets take and give them (RFC 792, RFC 4443 section 4):
 *
 *      0       1       2       3       4       5       6       7
 *     +-------+-------+-------+-------+-------+-------+-------+-------+
 *   0 | type  | code  |   checksum    |  identifier   |   sequence    |
 *     +-------+-------+-------+-------+-------+-------+-------+-------+
 *   8 | data; in an "unreachable" the packet that did not arrive ...
 */
const echoHeaderBytes = 8
const types = {
  4: { protocol: 1, request: 8, reply: 0, unreachable: 3 },
  6: { protocol: 58, request: 128, reply: 129, unreachable: 1 },
} as const

/**
 * An echo request for a socket. IPv4 carries its checksum; for ICMPv6 the kernel fills it in (RFC 3542 3.1), since only it
 * knows the source address.
 */
export function writeEchoRequest(family: 4 | 6, echo: OutgoingEcho): Uint8Array {
  const message = writeEcho(types[family].request, echo)
  if (family === 4) setChecksum(message, internetChecksum(message))
  return message
}

/**
 * A whole IP packet with an echo reply, for a socket that takes the IP header too. IPv4's total length, identification and
 * header checksum are left to the kernel (raw(7), IP_HDRINCL).
 * @param source 4 or 16 bytes
 * @param destination as many
 */
export function echoReplyPacket(source: Uint8Array, destination: Uint8Array, echo: OutgoingEcho): Uint8Array {
  const family = source.length === 4 ? 4 : 6
  const message = writeEcho(types[family].reply, echo)
  const pseudo = family === 4 ? 0 : pseudoHeaderSum(source, destination, message.length, types[6].protocol)
  setChecksum(message, ~onesSum(message, pseudo) & 0xffff)
  const packet = new Writer((family === 4 ? 20 : 40) + message.length)
  if (family === 4) {
    // RFC 791 3.1: version and header length, type of service, length, identification, fragment, time to live, protocol
    for (const byte of [0x45, 0, 0, 0, 0, 0, 0, 0, 64, types[4].protocol, 0, 0]) packet.u8(byte)
  } else {
    // RFC 8200 section 3: version, traffic class and flow label, payload length, next header, hop limit
    packet.u32(0x6000_0000)
    packet.u16(message.length)
    packet.u8(types[6].protocol)
    packet.u8(64)
  }
  packet.bytes(source)
  packet.bytes(destination)
  packet.bytes(message)
  return packet.finish()
}

/**
 * The echo reply in what a socket gave: an ICMP message, behind an IPv4 header where the socket is raw (a reply's first byte
 * is 0 or 129, never 0x4_, so the two cannot be mixed up).
 * @returns undefined for anything that is not a whole echo reply; the kernel has checked the checksum
 */
export function readEchoReply(family: 4 | 6, bytes: Uint8Array): Omit<HeardReply, "address"> | undefined {
  const message = withoutIpv4Header(bytes)
  if (message.length < echoHeaderBytes || message[0] !== types[family].reply || message[1] !== 0)
    return undefined
  return { ...idAndSequence(message), data: message.subarray(echoHeaderBytes) }
}

/** The echo request that somebody says did not arrive, or undefined for anything else. */
export function readUnreachable(
  family: 4 | 6,
  bytes: Uint8Array,
): Omit<HeardUnreachable, "from"> | undefined {
  const message = withoutIpv4Header(bytes)
  if (message.length < echoHeaderBytes || message[0] !== types[family].unreachable) return undefined
  const packet = message.subarray(echoHeaderBytes)
  const headerBytes = family === 4 ? ((packet[0] ?? 0) & 0x0f) * 4 : 40
  const protocol = packet[family === 4 ? 9 : 6]
  const echo = packet.subarray(headerBytes)
  if (headerBytes < 20 || echo.length < echoHeaderBytes || protocol !== types[family].protocol)
    return undefined
  if (echo[0] !== types[family].request) return undefined
  const destination = addressText(family === 4 ? packet.subarray(16, 20) : packet.subarray(24, 40))
  return { destination, ...idAndSequence(echo), reason: reasonFor(family, message[1] ?? 0) }
}

function writeEcho(type: number, echo: OutgoingEcho): Uint8Array {
  const message = new Writer(echoHeaderBytes + echo.data.length)
  message.u8(type)
  message.u8(0)
  message.u16(0)
  message.u16(echo.identifier)
  message.u16(echo.sequence)
  message.bytes(echo.data)
  return message.finish()
}

function setChecksum(message: Uint8Array, checksum: number): void {
  message[2] = checksum >>> 8
  message[3] = checksum & 0xff
}

function withoutIpv4Header(bytes: Uint8Array): Uint8Array {
  const first = bytes[0] ?? 0
  return first >>> 4 === 4 ? bytes.subarray((first & 0x0f) * 4) : bytes
}

function idAndSequence(message: Uint8Array): { identifier: number; sequence: number } {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  return { identifier: view.getUint16(4), sequence: view.getUint16(6) }
}

/** RFC 792 "Destination Unreachable" with RFC 1812 5.2.7.1; RFC 4443 3.1. */
function reasonFor(family: 4 | 6, code: number): string {
  const prohibited = family === 4 ? [9, 10, 13] : [1, 5, 6]
  if (prohibited.includes(code)) return "administratively prohibited"
  if (code === 0) return family === 4 ? "network unreachable" : "no route"
  if (code === (family === 4 ? 1 : 3)) return "host unreachable"
  return `unreachable (code ${code})`
}
