import { isUnspecified } from "../address.ts"
import { type Decoded, decoded, type Rejected, rejected } from "../decoded.ts"
import { Reader } from "../reader.ts"
import type { Writer } from "../writer.ts"
import { decodeEthernet, type EthernetHeader, isGroupAddress, writeEthernet } from "./ethernet.ts"
import {
  arphrdLoopback,
  type CookedHeader,
  decodeCookedV1,
  decodeCookedV2,
  packetOutgoing,
  writeCooked,
} from "./linux-cooked.ts"
import { type EtherType, type TaggedType, untagged } from "./vlan.ts"

/** No link header at all (LINKTYPE_RAW, tun devices): the version of the IP header tells what it is. */
export interface RawLinkHeader extends TaggedType {
  readonly type: "raw"
}

/**
 * LINKTYPE_NULL and LINKTYPE_LOOP.
 *
 * ```
 *  address family (4), in the byte order of the machine that captured it | payload
 * ```
 */
export interface NullHeader extends TaggedType {
  readonly type: "null"
  /** 2 is IPv4 everywhere; IPv6 is 24, 28 or 30, depending on the system. Linux has a number too, but no such links. */
  readonly family: number
  readonly bigEndian: boolean
}

/**
 * Whatever stands in front of the IP packet. `vlanTags` is empty where a link has none. The union is closed: one more header
 * does not compile until every switch below knows how to read, write and answer it. The names that captures give to a type
 * stand in capture/pcap-source.ts and capture/savefile-source.ts.
 */
export type LinkHeader = EthernetHeader | CookedHeader | RawLinkHeader | NullHeader

/** The kind of header that the frames of a capture begin with. `null` is BSD's null and OpenBSD's loop encapsulation. */
export type LinkType = LinkHeader["type"]

/** A link header and everything that follows it, link padding included. */
export interface LinkFrame {
  readonly link: LinkHeader
  readonly payload: Uint8Array
}

const rawIpv4: RawLinkHeader = Object.freeze({ type: "raw", vlanTags: untagged, etherType: 0x0800 })
const rawIpv6: RawLinkHeader = Object.freeze({ type: "raw", vlanTags: untagged, etherType: 0x86dd })
/** AF_INET, and AF_INET6 of NetBSD and OpenBSD, of FreeBSD, of Darwin (pcap-linktype(7)). */
const familyEtherTypes: ReadonlyMap<number, EtherType> = new Map([
  [2, 0x0800],
  [24, 0x86dd],
  [28, 0x86dd],
  [30, 0x86dd],
])

const truncated = rejected("link", "truncated")
const notIp = rejected("link", "not-ip")
const unknownType = rejected("link", "unknown-type")
const noInterface = rejected("link", "no-interface")
const groupAddress = rejected("link", "group-address")
const noAddress = new Uint8Array(0)

/** Reads the link header of one frame. Slices are views of `bytes`. Never throws. */
export function decodeLink(bytes: Uint8Array, linkType: LinkType): Decoded<LinkFrame> {
  const reader = new Reader(bytes)
  const link = decodeHeader(reader, bytes, linkType)
  return link.ok ? decoded({ link: link.value, payload: reader.rest() }) : link
}

function decodeHeader(reader: Reader, bytes: Uint8Array, linkType: LinkType): Decoded<LinkHeader> {
  switch (linkType) {
    case "ethernet":
      return decodeEthernet(reader)
    case "linux-sll":
      return decodeCookedV1(reader)
    case "linux-sll2":
      return decodeCookedV2(reader)
    case "raw":
      return decodeRaw(bytes)
    case "null":
      return decodeNull(reader)
    default:
      return refused(linkType)
  }
}

/** The refusal of a type that no case takes; the compiler sees to it that the union has no such type. */
function refused(_: never): Rejected {
  return unknownType
}

function decodeRaw(bytes: Uint8Array): Decoded<RawLinkHeader> {
  const first = bytes[0]
  if (first === undefined) return truncated
  if (first >>> 4 === 4) return decoded(rawIpv4)
  return first >>> 4 === 6 ? decoded(rawIpv6) : notIp
}

function decodeNull(reader: Reader): Decoded<NullHeader> {
  const word = reader.u32()
  if (reader.overran) return truncated
  // Families are below 256, so the byte order shows by the end that the one byte is at.
  const bigEndian = word <= 0xff
  const family = bigEndian ? word : word / 0x100_0000
  const etherType = familyEtherTypes.get(family)
  if (etherType === undefined) return notIp
  return decoded({ type: "null", family, bigEndian, vlanTags: untagged, etherType })
}

/** Bytes that {@link writeLink} appends. */
export function linkHeaderLength(link: LinkHeader): number {
  return fixedLengths[link.type] + 4 * link.vlanTags.length
}

const fixedLengths: Readonly<Record<LinkType, number>> = {
  ethernet: 14,
  "linux-sll": 16,
  "linux-sll2": 20,
  raw: 0,
  null: 4,
}

/** Appends the link header. */
export function writeLink(writer: Writer, link: LinkHeader): void {
  switch (link.type) {
    case "ethernet":
      writeEthernet(writer, link)
      break
    case "linux-sll":
    case "linux-sll2":
      writeCooked(writer, link)
      break
    case "null":
      writer.u32(link.bigEndian ? link.family : link.family * 0x100_0000)
      break
    case "raw":
      break
    default:
      link satisfies never
  }
}

/**
 * The header of the frame that answers one with this header, on the interface that it came in on: addresses swapped, tags
 * kept. A rejection of stage `link` where there can be none: `no-interface` (a cooked capture belongs to no one interface),
 * `group-address` (multicast or broadcast has no single sender or receiver), `unknown-type`.
 */
export function replyLink(link: LinkHeader): Decoded<LinkHeader> {
  switch (link.type) {
    case "ethernet":
      if (isGroupAddress(link.source) || isGroupAddress(link.destination)) return groupAddress
      return decoded({ ...link, destination: link.source, source: link.destination })
    case "linux-sll":
    case "linux-sll2":
      return noInterface
    case "raw":
    case "null":
      return decoded(link) // it names no station
    default:
      return refused(link)
  }
}

/** The sender's link address, the same whether the device itself or `any` heard it; empty on links without addresses. */
export function linkSource(link: LinkHeader): Uint8Array {
  switch (link.type) {
    case "ethernet":
      return link.source
    case "linux-sll":
    case "linux-sll2":
      return link.address.subarray(0, link.addressLength)
    case "raw":
    case "null":
      return noAddress
  }
}

/**
 * True for a frame that was seen while it left, or inside, the machine that captured it. Its checksums may be blank:
 * hardware, or nobody, fills them in after the capture. Cooked captures say so; on Ethernet the loopback device shows by
 * two zero addresses.
 */
export function isLocallySent(link: LinkHeader): boolean {
  switch (link.type) {
    case "ethernet":
      return isUnspecified(link.source) && isUnspecified(link.destination)
    case "linux-sll":
    case "linux-sll2":
      return link.packetType === packetOutgoing || link.arphrd === arphrdLoopback
    case "null":
      return true // a loopback device, that is what the encapsulation is for
    case "raw":
      return false
  }
}
