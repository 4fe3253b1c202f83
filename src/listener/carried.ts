import { type CarrierFrame, type SegmentFrame, segmentKind } from "../wire/carrier-frame.ts"
import { type Decoded, decoded, rejected } from "../wire/decoded.ts"
import type { EchoFrame } from "../wire/frame.ts"
import { linkSource } from "../wire/link/link.ts"

/** The bytes that a frame carries for us, perhaps, and how. */
export type Carried = { readonly data: Uint8Array } & (
  | { readonly carrier: "echo"; readonly frame: EchoFrame }
  | { readonly carrier: "syn" | "established"; readonly frame: SegmentFrame }
)

const notARequest = rejected("icmp", "not-a-request")
const otherFlags = rejected("tcp", "other-flags")
const otherPort = rejected("tcp", "other-port")

/**
 * The bytes in question of this frame: the data of an echo request, or that of a SYN or of a segment in an established connection.
 * @param ports the TCP ports of the second road; undefined for any
 */
export function carriedBy(frame: CarrierFrame, ports: readonly number[] | undefined): Decoded<Carried> {
  if ("echo" in frame) {
    const { kind, data } = frame.echo
    return kind === "request" ? decoded({ carrier: "echo", frame, data }) : notARequest
  }
  const { destinationPort, data } = frame.segment
  if (ports !== undefined && !ports.includes(destinationPort)) return otherPort
  const carrier = segmentKind(frame.segment)
  return carrier === undefined ? otherFlags : decoded({ carrier, frame, data })
}

/** The TCP port that was knocked at; 0 for an echo request. */
export function portOf(carried: Carried): number {
  return carried.carrier === "echo" ? 0 : carried.frame.segment.destinationPort
}

/**
 * The sender of a copy, the same for all that he sends over one carrier: his address, his link address, and the identifier of
 * his echo requests. Not the port: each copy over TCP is a socket of its own.
 */
export function senderOf({ carrier, frame }: Carried): string {
  const link = linkSource(frame.link)
  const identifier = carrier === "echo" ? frame.echo.identifier : ""
  return `${frame.ip.source} ${identifier} ${Buffer.from(link.buffer, link.byteOffset, link.length).toString("latin1")}`
}

/** Tells whether two frames of one sender can be the same packet, heard on two devices: the same bytes, of the same segment. */
export function isSameMessage(one: CarrierFrame, other: CarrierFrame): boolean {
  if ("echo" in one || "echo" in other)
    return "echo" in one && "echo" in other && sameBytes(one.echo.data, other.echo.data)
  const [a, b] = [one.segment, other.segment]
  return (
    segmentKind(a) === segmentKind(b) &&
    a.sourcePort === b.sourcePort &&
    a.sequence === b.sequence &&
    sameBytes(a.data, b.data)
  )
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
