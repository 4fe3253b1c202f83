import { type Decoded, decoded, rejected } from "../decoded.ts"
import type { Reader } from "../reader.ts"
import type { Writer } from "../writer.ts"

/** IPv4, ARP and IPv6: what this program reads. */
export type EtherType = 0x0800 | 0x0806 | 0x86dd

/**
 * A VLAN tag: IEEE 802.1Q (0x8100), or the outer one of two, 802.1ad (0x88a8) and its forerunner (0x9100).
 *
 * ```
 *  protocol (2) | priority (3 bits) | DEI (1 bit) | VLAN id (12 bits)
 * ```
 */
export interface VlanTag {
  /** The tag protocol identifier, which stands where the etherType would. */
  readonly protocol: 0x8100 | 0x88a8 | 0x9100
  /** The other 16 bits. */
  readonly tci: number
}

/** The tags in front of a payload, outermost first, and what the payload is. */
export interface TaggedType {
  readonly vlanTags: readonly VlanTag[]
  readonly etherType: EtherType
}

/** Shared by everything without a tag. */
export const untagged: readonly VlanTag[] = Object.freeze([])

const mostTags = 2

const truncated = rejected("link", "truncated")
const notIp = rejected("link", "not-ip")
const tooManyTags = rejected("link", "too-many-vlan-tags")

/**
 * Reads the tags that `first`, the type field just read, announces, and the type under them. Asks the reader about
 * everything read so far, so the caller need not.
 */
export function decodeTaggedType(reader: Reader, first: number): Decoded<TaggedType> {
  let type = first
  let tags: VlanTag[] | undefined
  while (type === 0x8100 || type === 0x88a8 || type === 0x9100) {
    tags ??= []
    if (tags.length === mostTags) return tooManyTags
    tags.push({ protocol: type, tci: reader.u16() })
    type = reader.u16()
  }
  if (reader.overran) return truncated
  if (type !== 0x0800 && type !== 0x86dd && type !== 0x0806) return notIp
  return decoded({ vlanTags: tags ?? untagged, etherType: type })
}

/** Appends the tags and the type under them. */
export function writeTaggedType(writer: Writer, { vlanTags, etherType }: TaggedType): void {
  for (const tag of vlanTags) {
    writer.u16(tag.protocol)
    writer.u16(tag.tci)
  }
  writer.u16(etherType)
}
