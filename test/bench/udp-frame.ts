import type { EchoRequestFrame } from "../support/lab/frames.ts"

/** A UDP datagram in an Ethernet frame, without a checksum, as RFC 768 allows over IPv4. */
export interface UdpFrame extends Omit<EchoRequestFrame, "identifier" | "sequence"> {
  readonly port: number
}

/** The whole frame: Ethernet, IPv4 (RFC 791) without options, UDP (RFC 768). */
export function udpFrame({ data, source, destination, sourceLink, destinationLink, port }: UdpFrame): Buffer {
  const link = (text: string): Buffer => Buffer.from(text.replaceAll(":", ""), "hex")
  const address = (text: string): Buffer => Buffer.from(text.split(".").map(Number))
  const udp = Buffer.alloc(8)
  udp.writeUInt16BE(40_000, 0)
  udp.writeUInt16BE(port, 2)
  udp.writeUInt16BE(8 + data.length, 4)
  const ip = Buffer.alloc(20)
  ip[0] = 0x45
  ip.writeUInt16BE(28 + data.length, 2)
  ip[8] = 64
  ip[9] = 17
  address(source).copy(ip, 12)
  address(destination).copy(ip, 16)
  let sum = 0
  for (let at = 0; at < 20; at += 2) sum += ip.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  ip.writeUInt16BE(~sum & 0xffff, 10)
  return Buffer.concat([link(destinationLink), link(sourceLink), Buffer.from([8, 0]), ip, udp, data])
}
