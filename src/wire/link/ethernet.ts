import { type Decoded, decoded } from "../decoded.ts"
import type { Reader } from "../reader.ts"
import type { Writer } from "../writer.ts"
import { decodeTaggedType, type TaggedType, writeTaggedType } from "./vlan.ts"

/**
 * Ethernet II, with at most two VLAN tags.
 *
 * ```
 *  destination (6) | source (6) | [ VLAN tag (4) ] ... | etherType (2) | payload
 * ```
 */
export interface EthernetHeader extends TaggedType {
  readonly type: "ethernet"
  readonly destination: Uint8Array
  readonly source: Uint8Array
}

/** Reads the header and leaves the reader at the payload. */
export function decodeEthernet(reader: Reader): Decoded<EthernetHeader> {
  const destination = reader.take(6)
  const source = reader.take(6)
  const typed = decodeTaggedType(reader, reader.u16())
  if (!typed.ok) return typed
  const { vlanTags, etherType } = typed.value
  return decoded({ type: "ethernet", destination, source, vlanTags, etherType })
}

/** Appends the header: 14 bytes and 4 for each tag. */
export function writeEthernet(writer: Writer, header: EthernetHeader): void {
  writer.bytes(header.destination)
  writer.bytes(header.source)
  writeTaggedType(writer, header)
}

/** Multicast or broadcast: the group bit, lowest of the first byte, is set (IEEE 802). No sender has such an address. */
export function isGroupAddress(address: Uint8Array): boolean {
  return ((address[0] as number) & 1) !== 0
}
