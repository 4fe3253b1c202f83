import { randomBytes } from "node:crypto"
import { encodeSegmentFrame } from "../../../src/wire/carrier-frame.ts"
import { freshIpv4Header } from "../../../src/wire/ipv4.ts"
import { protocolTcp } from "../../../src/wire/tcp.ts"
import { linkAddress } from "./frames.ts"
import type { Host } from "./lab.ts"

const link = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(":", ""), "hex"))
const ipv4 = (text: string): Uint8Array => Uint8Array.from(text.split(".").map(Number))

/** A maker of frames with a TCP segment from 192.0.2.2 to 192.0.2.1, each from another port, for `sendFrames` on `from`. */
export function segmentFrames(
  from: Host,
  to: Host,
): (data: Uint8Array, changes?: { flags?: number; port?: number; source?: string }) => Uint8Array {
  const [source, destination] = [link(linkAddress(from, "eth0")), link(linkAddress(to, "eth0"))]
  return (data, changes = {}) =>
    encodeSegmentFrame({
      link: { type: "ethernet", source, destination, vlanTags: [], etherType: 0x0800 },
      ip: freshIpv4Header(ipv4(changes.source ?? "192.0.2.2"), ipv4("192.0.2.1"), protocolTcp),
      segment: {
        sourcePort: 1024 + (randomBytes(2).readUInt16BE() % 60_000),
        destinationPort: changes.port ?? 22,
        ...{
          sequence: randomBytes(4).readUInt32BE(),
          acknowledgment: 1,
          flags: changes.flags ?? 2,
          window: 1024,
        },
        ...{ checksum: undefined, urgentPointer: 0, options: new Uint8Array(0), data },
      },
      trailer: new Uint8Array(0),
    })
}
