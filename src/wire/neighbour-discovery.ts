import { addressText, isUnicast, isUnspecified } from "./address.ts"
import { internetChecksum, onesSum, pseudoHeaderSum } from "./checksum.ts"
import { type Decoded, decoded, rejected } from "./decoded.ts"
import {
  decodeIpv6,
  freshIpv6Header,
  type Ipv6Header,
  ipv6HeaderLength,
  protocolIcmpv6,
  writeIpv6,
} from "./ipv6.ts"
import { type EthernetHeader, isGroupAddress, writeEthernet } from "./link/ethernet.ts"
import { decodeLink, linkHeaderLength } from "./link/link.ts"
import { Reader } from "./reader.ts"
import { Writer } from "./writer.ts"

/**
 * A neighbour solicitation or advertisement (RFC 4861 sections 4.3 and 4.4) over Ethernet.
 *
 * ```
 *  type (1) = 135, 136 | code (1) = 0 | checksum (2) | flags (4): router, solicited, override at the top
 *    | target (16) | options: type (1) | length in 8-byte units (1) | ...
 * ```
 */
export interface NeighbourMessage {
  readonly link: EthernetHeader
  readonly ip: Ipv6Header
  readonly kind: "solicitation" | "advertisement"
  /** The address asked for or told about, canonical text; always unicast. */
  readonly target: string
  readonly targetBytes: Uint8Array
  /** A solicitation from `::`: a host that wants the address asks whether it is free (RFC 4862 5.4.2). */
  readonly isDuplicateDetection: boolean
  /** The 6 bytes of its source (solicitation) or target (advertisement) link-layer address option. */
  readonly linkAddress: Uint8Array | undefined
}

/** The particulars of the host that an advertisement is about. */
export interface AdvertisementOptions {
  /** The 6 bytes of the link address that the target is to be reached at. */
  readonly own: Uint8Array
  /** True when this host forwards packets. A router that denies it is struck from its hosts' routes (RFC 4861 7.2.5). */
  readonly router: boolean
}

const solicitation = 135
const advertisement = 136
const sourceLinkOption = 1
const targetLinkOption = 2
const flagRouter = 0x8000_0000
const flagSolicited = 0x4000_0000
const flagOverride = 0x2000_0000
/** Fixed part and a target link-layer address option. */
const advertisementLength = 24 + 8
const allNodes = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
const allNodesLink = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1) // RFC 2464 section 7

const notIpv6 = rejected("link", "not-ipv6")
const notNeighbour = rejected("neighbour", "not-neighbour")
const truncated = rejected("neighbour", "truncated")
const badHopLimit = rejected("neighbour", "bad-hop-limit")
const badChecksum = rejected("neighbour", "bad-checksum")
const badTarget = rejected("neighbour", "bad-target")
const badSource = rejected("neighbour", "bad-source")
const badDestination = rejected("neighbour", "bad-destination")
const badOptions = rejected("neighbour", "bad-options")

/**
 * Reads one Ethernet frame that asks for an IPv6 address, or tells one, with every check of RFC 4861 7.1.1 and 7.1.2.
 * The checksum is one of them: nothing else protects this message, and the kernel computes it itself. Slices are views
 * of `bytes`. Never throws.
 *
 * A capture hears this host's own messages too, its own duplicate detection among them: whoever answers must first
 * compare `link.source` with its own link address, or it takes the address away from itself.
 */
export function decodeNeighbour(bytes: Uint8Array): Decoded<NeighbourMessage> {
  const framed = decodeLink(bytes, "ethernet")
  if (!framed.ok) return framed
  const { link, payload } = framed.value
  if (link.type !== "ethernet" || link.etherType !== 0x86dd) return notIpv6
  const packet = decodeIpv6(payload)
  if (!packet.ok) return packet
  const { header: ip, payload: message } = packet.value
  const reader = new Reader(message)
  const type = reader.u8()
  const code = reader.u8()
  reader.u16()
  const flags = reader.u32()
  const targetBytes = reader.take(16)
  if (ip.protocol !== protocolIcmpv6 || (type !== solicitation && type !== advertisement)) return notNeighbour
  if (reader.overran) return truncated
  if (code !== 0) return notNeighbour
  if (ip.hopLimit !== 255) return badHopLimit // a router would have lowered it: not from this link
  const start = pseudoHeaderSum(ip.sourceBytes, ip.destinationBytes, message.length, protocolIcmpv6)
  if (onesSum(message, start) !== 0xffff) return badChecksum
  if (!isUnicast(targetBytes)) return badTarget
  const isSolicitation = type === solicitation
  const options = readLinkAddress(reader.rest(), isSolicitation ? sourceLinkOption : targetLinkOption)
  if (!options.ok) return options
  const linkAddress = options.value
  const fromNobody = isUnspecified(ip.sourceBytes)
  if (isGroupAddress(link.source) || (!fromNobody && !isUnicast(ip.sourceBytes))) return badSource
  if (!isSolicitation && ip.destinationBytes[0] === 0xff && (flags & flagSolicited) !== 0)
    return badDestination
  if (fromNobody) {
    if (!isSolicitation || linkAddress !== undefined) return badSource
    if (!isSolicitedNode(ip.destinationBytes, targetBytes)) return badDestination
  }
  return decoded({
    link,
    ip,
    kind: isSolicitation ? "solicitation" : "advertisement",
    target: addressText(targetBytes),
    targetBytes,
    isDuplicateDetection: fromNobody,
    linkAddress,
  })
}

/**
 * The frame that answers `request` (RFC 4861 7.2.4): from the target, hop limit 255, override flag and target link-layer
 * address, VLAN tags kept. To the sender with the solicited flag; to all nodes without it when the sender was looking
 * for a duplicate.
 *
 * @param request a solicitation for an address that this host has on that link; never an anycast address, whose
 * advertisement must not override
 */
export function encodeAdvertisement(request: NeighbourMessage, options: AdvertisementOptions): Uint8Array {
  const { own, router } = options
  const toAll = request.isDuplicateDetection
  const destination = toAll ? allNodesLink : (request.linkAddress ?? request.link.source)
  const link: EthernetHeader = { ...request.link, destination, source: own }
  const to = toAll ? allNodes : request.ip.sourceBytes
  const ip = freshIpv6Header(request.targetBytes, to, protocolIcmpv6, 255)
  const writer = new Writer(linkHeaderLength(link) + ipv6HeaderLength(ip) + advertisementLength)
  writeEthernet(writer, link)
  writeIpv6(writer, ip, advertisementLength)
  const start = writer.at
  writer.u8(advertisement)
  writer.u8(0)
  writer.u16(0)
  writer.u32((router ? flagRouter : 0) + (toAll ? 0 : flagSolicited) + flagOverride)
  writer.bytes(request.targetBytes)
  writer.u8(targetLinkOption)
  writer.u8(1)
  writer.bytes(own)
  const pseudo = pseudoHeaderSum(ip.sourceBytes, ip.destinationBytes, advertisementLength, protocolIcmpv6)
  writer.u16At(start + 2, internetChecksum(writer.since(start), pseudo))
  return writer.finish()
}

/** Walks the options (RFC 4861 4.6): none may be 0 long. At most one packet's worth, every step 8 bytes or more. */
function readLinkAddress(options: Uint8Array, wanted: number): Decoded<Uint8Array | undefined> {
  const reader = new Reader(options)
  let found: Uint8Array | undefined
  while (reader.left > 0) {
    const type = reader.u8()
    const units = reader.u8()
    if (units === 0) return badOptions // also what an overrun reads
    const data = reader.take(units * 8 - 2)
    if (reader.overran) return badOptions
    if (type !== wanted) continue
    if (data.length !== 6 || isGroupAddress(data)) return badOptions
    found ??= data
  }
  return decoded(found)
}

/** True when `address` is ff02::1:ffXX:XXXX with the last 24 bits of `target` (RFC 4291 2.7.1). */
function isSolicitedNode(address: Uint8Array, target: Uint8Array): boolean {
  return address.every((byte, at) => byte === (at < 13 ? solicitedNodePrefix[at] : target[at]))
}

const solicitedNodePrefix = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff]
