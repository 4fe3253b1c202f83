import { randomBytes } from "node:crypto"
import { deriveKeys } from "../knock/keys.ts"
import { encodeRequest } from "../knock/request.ts"
import { encodeFrame } from "../wire/frame.ts"
import { freshIpv4Header, protocolIcmp } from "../wire/ipv4.ts"

/**
 * A knock that a listener sends itself over `lo`, to know that it hears. Its secret is made for this one process, so it
 * is a knock to nobody else.
 */
export interface Canary {
  /** The tag that the kernel filter has to let through. */
  readonly tag: Uint8Array
  /** The frame to inject on `lo`. */
  readonly frame: Uint8Array
  /** True when this echo data is the canary's. Costs one comparison of a byte for everything else. */
  isCanary(data: Uint8Array): boolean
}

/** Makes a canary. */
export function makeCanary(): Canary {
  const keys = deriveKeys(new Uint8Array(randomBytes(16)))
  const data = encodeRequest(keys, {
    verb: "probe",
    oneWay: false,
    hard: false,
    clientTimeMs: 0,
    nonce: new Uint8Array(randomBytes(16)),
  })
  const here = Uint8Array.of(127, 0, 0, 1)
  const frame = encodeFrame({
    link: {
      type: "ethernet",
      // Another host's link address: the taps hear the frame, and IP drops it without a word (ip_rcv_core(),
      // PACKET_OTHERHOST). To our own it would be a martian, and log_martians would fill the kernel's log.
      destination: Uint8Array.of(2, 0, 0, 0, 0, 1),
      source: new Uint8Array(6),
      vlanTags: [],
      etherType: 0x0800,
    },
    ip: freshIpv4Header(here, here, protocolIcmp),
    echo: { kind: "request", identifier: 1, sequence: 1, data, checksum: undefined },
    trailer: new Uint8Array(0),
  })
  const bytes = Buffer.from(data)
  return {
    tag: keys.requestTag,
    frame,
    isCanary: (heard) =>
      heard.length === bytes.length &&
      heard[0] === bytes[0] &&
      bytes.equals(Buffer.from(heard.buffer, heard.byteOffset, heard.byteLength)),
  }
}
