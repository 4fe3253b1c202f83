import { parseAddress } from "../../src/wire/address.ts"
import { encodeSegmentFrame } from "../../src/wire/carrier-frame.ts"
import { freshIpv4Header } from "../../src/wire/ipv4.ts"
import { protocolTcp } from "../../src/wire/tcp.ts"

/** What differs from one test frame to the next. */
export interface SegmentChanges {
  readonly source?: string
  readonly destination?: string
  readonly sourcePort?: number
  readonly port?: number
  readonly sequence?: number
  readonly acknowledgment?: number
  readonly flags?: number
}

/** An Ethernet frame with a TCP segment that carries `data`: a SYN from 192.0.2.2 to 192.0.2.1, port 22, unless told. */
export function ethernetSegment(data: Uint8Array, changes: SegmentChanges = {}): Uint8Array {
  const address = (text: string): Uint8Array => parseAddress(text) ?? new Uint8Array(4)
  return encodeSegmentFrame({
    link: {
      type: "ethernet",
      destination: Uint8Array.of(2, 0, 0, 0, 0, 1),
      source: Uint8Array.of(2, 0, 0, 0, 0, 2),
      vlanTags: [],
      etherType: 0x0800,
    },
    ip: freshIpv4Header(
      address(changes.source ?? "192.0.2.2"),
      address(changes.destination ?? "192.0.2.1"),
      protocolTcp,
    ),
    segment: {
      sourcePort: changes.sourcePort ?? 40_000,
      destinationPort: changes.port ?? 22,
      sequence: changes.sequence ?? 1000,
      acknowledgment: changes.acknowledgment ?? 0,
      flags: changes.flags ?? 2,
      ...{ window: 1024, checksum: undefined, urgentPointer: 0, options: new Uint8Array(0), data },
    },
    trailer: new Uint8Array(0),
  })
}
