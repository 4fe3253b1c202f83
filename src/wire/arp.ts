import { addressText, isUnicast, isUnspecified } from "./address.ts"
import { type Decoded, decoded, rejected } from "./decoded.ts"
import { type EthernetHeader, isGroupAddress, writeEthernet } from "./link/ethernet.ts"
import { decodeLink, linkHeaderLength } from "./link/link.ts"
import { Reader } from "./reader.ts"
import { Writer } from "./writer.ts"

/**
 * ARP for IPv4 over Ethernet (RFC 826).
 *
 * ```
 *  hardware (2) = 1 | protocol (2) = 0x0800 | sizes (1) = 6, (1) = 4 | operation (2): 1 request, 2 reply
 *    | sender link address (6) | sender IPv4 (4) | target link address (6) | target IPv4 (4)
 * ```
 */
export interface ArpPacket {
  readonly link: EthernetHeader
  readonly operation: "request" | "reply"
  /** Canonical text; `0.0.0.0` in a probe, by which a host asks whether an address is free (RFC 5227 2.1.1). */
  readonly senderAddress: string
  /** The address asked for, canonical text; always unicast. */
  readonly targetAddress: string
  readonly senderBytes: Uint8Array
  readonly targetBytes: Uint8Array
  /** The link address that an answer goes to; never a group address. */
  readonly senderLink: Uint8Array
}

const arpLength = 28
const hardwareEthernet = 1
const protocolIpv4 = 0x0800

const notArp = rejected("link", "not-arp")
const truncated = rejected("arp", "truncated")
const badFormat = rejected("arp", "bad-format")
const badSender = rejected("arp", "bad-sender")
const badTarget = rejected("arp", "bad-target")
const announcement = rejected("arp", "announcement")

/**
 * Reads one Ethernet frame that asks for an IPv4 address, or tells one. Slices are views of `bytes`; padding behind is
 * ignored. An announcement (sender and target address the same, RFC 5227 3) asks nothing and is rejected. Never throws.
 *
 * A capture hears this host's own packets too, its own probes among them: whoever answers must first compare
 * `senderLink` with its own link address.
 */
export function decodeArp(bytes: Uint8Array): Decoded<ArpPacket> {
  const framed = decodeLink(bytes, "ethernet")
  if (!framed.ok) return framed
  const { link, payload } = framed.value
  if (link.type !== "ethernet" || link.etherType !== 0x0806) return notArp
  const reader = new Reader(payload)
  const hardware = reader.u16()
  const protocol = reader.u16()
  const hardwareSize = reader.u8()
  const protocolSize = reader.u8()
  const operation = reader.u16()
  const senderLink = reader.take(6)
  const senderBytes = reader.take(4)
  reader.take(6)
  const targetBytes = reader.take(4)
  if (reader.overran) return truncated
  if (hardware !== hardwareEthernet || protocol !== protocolIpv4) return badFormat
  if (hardwareSize !== 6 || protocolSize !== 4 || (operation !== 1 && operation !== 2)) return badFormat
  if (isGroupAddress(senderLink) || !(isUnicast(senderBytes) || isUnspecified(senderBytes))) return badSender
  const senderAddress = addressText(senderBytes)
  const targetAddress = addressText(targetBytes)
  if (senderAddress === targetAddress) return announcement
  if (operation === 1 && !isUnicast(targetBytes)) return badTarget
  return decoded({
    link,
    operation: operation === 1 ? "request" : "reply",
    senderAddress,
    targetAddress,
    senderBytes,
    targetBytes,
    senderLink,
  })
}

/**
 * The frame that answers `request`: sent to the link address the sender gave of itself (as arp_process(),
 * net/ipv4/arp.c, does), VLAN tags kept. Answers a probe too: the address is taken.
 *
 * @param own the 6 bytes of the link address that the address asked for is to be reached at
 */
export function encodeArpReply(request: ArpPacket, own: Uint8Array): Uint8Array {
  const link: EthernetHeader = { ...request.link, destination: request.senderLink, source: own }
  const writer = new Writer(linkHeaderLength(link) + arpLength)
  writeEthernet(writer, link)
  writer.u16(hardwareEthernet)
  writer.u16(protocolIpv4)
  writer.u8(6)
  writer.u8(4)
  writer.u16(2)
  writer.bytes(own)
  writer.bytes(request.targetBytes)
  writer.bytes(request.senderLink)
  writer.bytes(request.senderBytes)
  return writer.finish()
}
