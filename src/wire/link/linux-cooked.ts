import { type Decoded, decoded, rejected } from "../decoded.ts"
import type { Reader } from "../reader.ts"
import type { Writer } from "../writer.ts"
import { decodeTaggedType, type TaggedType, writeTaggedType } from "./vlan.ts"

/**
 * Linux cooked capture, what the device `any` gives (pcap-linktype(7), LINKTYPE_LINUX_SLL).
 *
 * ```
 *  packet type (2) | ARPHRD (2) | address length (2) | address (8) | [ VLAN tag (4) ] ... | etherType (2) | payload
 * ```
 *
 * and its second version (LINKTYPE_LINUX_SLL2), where the type comes first and what it announces last
 *
 * ```
 *  type (2) | reserved (2) | ifindex (4) | ARPHRD (2) | packet type (1) | address length (1) | address (8)
 *    | [ tci (2) | type (2) ] ... | payload
 * ```
 *
 * The tags are there because libpcap puts one that the kernel keeps beside the packet back in front of the etherType,
 * and because an inner one is part of the packet.
 */
export interface CookedHeader extends TaggedType {
  readonly type: "linux-sll" | "linux-sll2"
  /** 0 to us, 1 broadcast, 2 multicast, 3 to another host, 4 outgoing (packet(7)). */
  readonly packetType: number
  /** The device's hardware type, ARPHRD_* of if_arp.h. */
  readonly arphrd: number
  readonly addressLength: number
  /** The sender's link address in the first `addressLength` of 8 bytes; a longer one is cut off. */
  readonly address: Uint8Array
  /** The interface it was seen on; 0 in version 1, which does not say. */
  readonly ifindex: number
  readonly reserved: number
}

/** PACKET_OUTGOING, if_packet.h. */
export const packetOutgoing = 4
/** ARPHRD_LOOPBACK, if_arp.h. */
export const arphrdLoopback = 772
/** ARPHRD_FRAD, three of IEEE 802.11, ARPHRD_NETLINK: with these the protocol field holds no etherType. */
const withoutEtherType: ReadonlySet<number> = new Set([770, 801, 802, 803, 824])

const notIp = rejected("link", "not-ip")

/** Reads version 1 and leaves the reader at the payload. */
export function decodeCookedV1(reader: Reader): Decoded<CookedHeader> {
  const packetType = reader.u16()
  const arphrd = reader.u16()
  const addressLength = reader.u16()
  const address = reader.take(8)
  const typed = decodeTaggedType(reader, reader.u16())
  if (!typed.ok) return typed
  if (withoutEtherType.has(arphrd)) return notIp
  const { vlanTags, etherType } = typed.value
  return decoded({
    type: "linux-sll",
    packetType,
    arphrd,
    addressLength,
    address,
    ifindex: 0,
    reserved: 0,
    vlanTags,
    etherType,
  })
}

/** Reads version 2 and leaves the reader at the payload. */
export function decodeCookedV2(reader: Reader): Decoded<CookedHeader> {
  const type = reader.u16()
  const reserved = reader.u16()
  const ifindex = reader.u32()
  const arphrd = reader.u16()
  const packetType = reader.u8()
  const addressLength = reader.u8()
  const address = reader.take(8)
  const typed = decodeTaggedType(reader, type)
  if (!typed.ok) return typed
  if (withoutEtherType.has(arphrd)) return notIp
  const { vlanTags, etherType } = typed.value
  return decoded({
    type: "linux-sll2",
    packetType,
    arphrd,
    addressLength,
    address,
    ifindex,
    reserved,
    vlanTags,
    etherType,
  })
}

/** Appends the header of either version: 16 or 20 bytes, and 4 for each tag. */
export function writeCooked(writer: Writer, header: CookedHeader): void {
  const { vlanTags, etherType } = header
  if (header.type === "linux-sll") {
    writer.u16(header.packetType)
    writer.u16(header.arphrd)
    writer.u16(header.addressLength)
    writer.bytes(header.address)
    writeTaggedType(writer, header)
    return
  }
  writer.u16(vlanTags[0]?.protocol ?? etherType)
  writer.u16(header.reserved)
  writer.u32(header.ifindex)
  writer.u16(header.arphrd)
  writer.u8(header.packetType)
  writer.u8(header.addressLength)
  writer.bytes(header.address)
  for (const [index, tag] of vlanTags.entries()) {
    writer.u16(tag.tci)
    writer.u16(vlanTags[index + 1]?.protocol ?? etherType)
  }
}
