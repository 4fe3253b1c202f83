import { isUnicast } from "./address.ts"
import { pseudoHeaderSum } from "./checksum.ts"
import { type Decoded, decoded, rejected } from "./decoded.ts"
import { decodeEcho, type Echo, echoHeaderLength, writeEcho } from "./icmp.ts"
import {
  decodeIpv4,
  freshIpv4Header,
  type Ipv4Header,
  ipv4HeaderLength,
  protocolIcmp,
  writeIpv4,
} from "./ipv4.ts"
import {
  decodeIpv6,
  freshIpv6Header,
  type Ipv6Header,
  ipv6HeaderLength,
  protocolIcmpv6,
  writeIpv6,
} from "./ipv6.ts"
import {
  decodeLink,
  isLocallySent,
  type LinkHeader,
  type LinkType,
  linkHeaderLength,
  replyLink,
  writeLink,
} from "./link/link.ts"
import { Writer } from "./writer.ts"

/**
 * A frame that carries one ICMP or ICMPv6 echo message.
 *
 * ```
 *  link header, VLAN tags | IPv4 and options, or IPv6 and extension headers | echo | link padding
 * ```
 */
export interface EchoFrame {
  readonly link: LinkHeader
  readonly ip: Ipv4Header | Ipv6Header
  readonly echo: Echo
  /** Link padding behind the IP packet (short Ethernet frames are filled up to 60 bytes); usually empty. */
  readonly trailer: Uint8Array
}

/** The layers under whatever a frame carries, and its bytes. */
export interface Packet {
  readonly link: LinkHeader
  readonly ip: Ipv4Header | Ipv6Header
  readonly payload: Uint8Array
  readonly trailer: Uint8Array
}

/** The longest IP packet that is built here; no link this program injects on carries a longer one. */
const longestPacket = 0xffff
const noTrailer = new Uint8Array(0)

const notIp = rejected("link", "not-ip")
const notIcmpInIpv4 = rejected("ipv4", "not-icmp")
const notIcmpInIpv6 = rejected("ipv6", "not-icmp")
const notARequest = rejected("icmp", "not-a-request")
const notUnicastIpv4 = rejected("ipv4", "not-unicast")
const notUnicastIpv6 = rejected("ipv6", "not-unicast")
const tooLong = rejected("icmp", "too-long")

/**
 * Reads one captured frame. Work is bounded whatever the bytes are, nothing is copied, and nothing is thrown: what is
 * no well-formed, unfragmented echo message is a rejection. Everything in the result is a view of `bytes`: copy the
 * bytes first when they will be overwritten.
 *
 * The ICMP checksum is not looked at.
 */
export function decodeFrame(bytes: Uint8Array, linkType: LinkType): Decoded<EchoFrame> {
  const packet = decodePacket(bytes, linkType)
  return packet.ok ? echoOf(packet.value) : packet
}

/** Reads the layers of one captured frame up to IP, as {@link decodeFrame} does. */
export function decodePacket(bytes: Uint8Array, linkType: LinkType): Decoded<Packet> {
  const framed = decodeLink(bytes, linkType)
  if (!framed.ok) return framed
  const { link, payload } = framed.value
  const packet =
    link.etherType === 0x0800
      ? decodeIpv4(payload, isLocallySent(link))
      : link.etherType === 0x86dd
        ? decodeIpv6(payload)
        : notIp
  if (!packet.ok) return packet
  const { header, payload: carried, trailer } = packet.value
  return decoded({ link, ip: header, payload: carried, trailer })
}

/** The echo message in a packet. */
export function echoOf({ link, ip, payload, trailer }: Packet): Decoded<EchoFrame> {
  if (ip.version === 4 && ip.protocol !== protocolIcmp) return notIcmpInIpv4
  if (ip.version === 6 && ip.protocol !== protocolIcmpv6) return notIcmpInIpv6
  const echo = decodeEcho(payload, ip.version)
  if (!echo.ok) return echo
  return decoded({ link, ip, echo: echo.value, trailer })
}

/**
 * The bytes of a frame. What {@link decodeFrame} read comes out as it went in; checksums that are undefined are
 * computed.
 *
 * @throws RangeError when a field does not fit its place: a bug in the caller, not something a packet can cause.
 */
export function encodeFrame(frame: EchoFrame): Uint8Array {
  const { ip, echo } = frame
  const echoLength = echoHeaderLength + echo.data.length
  return encodePacket(frame, echoLength, (writer) =>
    writeEcho(writer, echo, ip.version, pseudoSum(ip, echoLength)),
  )
}

/**
 * The bytes of a frame that carries `length` bytes, which `write` appends.
 * @throws RangeError as {@link encodeFrame}
 */
export function encodePacket(
  { link, ip, trailer }: Omit<Packet, "payload">,
  length: number,
  write: (writer: Writer) => void,
): Uint8Array {
  const ipLength = ip.version === 4 ? ipv4HeaderLength(ip) : ipv6HeaderLength(ip)
  const writer = new Writer(linkHeaderLength(link) + ipLength + length + trailer.length)
  writeLink(writer, link)
  if (ip.version === 4) writeIpv4(writer, ip, length)
  else writeIpv6(writer, ip, length)
  write(writer)
  writer.bytes(trailer)
  return writer.finish()
}

/**
 * The frame that answers `request` from below the firewall: link and IP addresses swapped, VLAN tags, DSCP, identifier
 * and sequence kept, ttl 64, no IP options or extension headers, all checksums computed. Not padded: drivers fill short
 * Ethernet frames up themselves.
 *
 * @param data what the reply carries
 * @returns a rejection where nothing can be injected (see {@link replyLink}) and where there is nothing to answer:
 * `icmp` not-a-request, `ipv4` or `ipv6` not-unicast (multicast, broadcast, unspecified), `icmp` too-long.
 */
export function replyFrame(request: EchoFrame, data: Uint8Array): Decoded<Uint8Array> {
  const { ip, echo } = request
  if (echo.kind !== "request") return notARequest
  const back = headersBack(request, ip.version === 4 ? protocolIcmp : protocolIcmpv6)
  if (!back.ok) return back
  if (data.length > longestPacket - 40 - echoHeaderLength) return tooLong
  const { identifier, sequence } = echo
  return decoded(
    encodeFrame({
      ...back.value,
      echo: { kind: "reply", identifier, sequence, data, checksum: undefined },
    }),
  )
}

/**
 * The layers under an answer to what this frame carries.
 * @returns a rejection where nothing can be injected (see {@link replyLink}), and `ipv4` or `ipv6` not-unicast
 */
export function headersBack(
  { link: from, ip }: Pick<Packet, "link" | "ip">,
  protocol: number,
): Decoded<Omit<Packet, "payload">> {
  const link = replyLink(from)
  if (!link.ok) return link
  if (!isUnicast(ip.sourceBytes) || !isUnicast(ip.destinationBytes))
    return ip.version === 4 ? notUnicastIpv4 : notUnicastIpv6
  return decoded({ link: link.value, ip: ipBack(ip, protocol), trailer: noTrailer })
}

/** RFC 8200 8.1: ICMPv6, unlike ICMP, sums the addresses too. */
function pseudoSum(ip: Ipv4Header | Ipv6Header, length: number): number {
  return ip.version === 4 ? 0 : pseudoHeaderSum(ip.sourceBytes, ip.destinationBytes, length, protocolIcmpv6)
}

/** The IP header of an answer: addresses swapped, ttl 64, no options or extension headers. */
export function ipBack(ip: Ipv4Header | Ipv6Header, protocol: number): Ipv4Header | Ipv6Header {
  const dscp = 0xfc // without the two ECN bits, which are marks of the way the request came
  if (ip.version === 4) return freshIpv4Header(ip.destinationBytes, ip.sourceBytes, protocol, ip.tos & dscp)
  const { trafficClass } = ip
  return freshIpv6Header(ip.destinationBytes, ip.sourceBytes, protocol, 64, trafficClass & dscp)
}
