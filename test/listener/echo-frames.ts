import { parseAddress } from "../../src/wire/address.ts"
import { encodeFrame } from "../../src/wire/frame.ts"
import { freshIpv4Header, protocolIcmp } from "../../src/wire/ipv4.ts"

/** What differs from one test frame to the next. */
export interface EchoChanges {
  readonly source?: string
  readonly destination?: string
  readonly kind?: "request" | "reply"
  readonly sequence?: number
  readonly identifier?: number
  /** Last byte of the sender's link address. */
  readonly sender?: number
}

/** An Ethernet frame with an ICMP echo that carries `data`, from 192.0.2.2 to 192.0.2.1 unless told. */
export function ethernetEcho(data: Uint8Array, changes: EchoChanges = {}): Uint8Array {
  const address = (text: string): Uint8Array => parseAddress(text) ?? new Uint8Array(4)
  return encodeFrame({
    link: {
      type: "ethernet",
      destination: Uint8Array.of(2, 0, 0, 0, 0, 1),
      source: Uint8Array.of(2, 0, 0, 0, 0, changes.sender ?? 2),
      vlanTags: [],
      etherType: 0x0800,
    },
    ip: freshIpv4Header(
      address(changes.source ?? "192.0.2.2"),
      address(changes.destination ?? "192.0.2.1"),
      protocolIcmp,
    ),
    echo: {
      kind: changes.kind ?? "request",
      identifier: changes.identifier ?? 1,
      sequence: changes.sequence ?? 1,
      data,
      checksum: undefined,
    },
    trailer: new Uint8Array(0),
  })
}
