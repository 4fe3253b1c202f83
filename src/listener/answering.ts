import type { Capture } from "../capture/pcap-source.ts"
import { messageBytes } from "../knock/request.ts"
import type { ReplySockets } from "../transmit/reply-sockets.ts"
import { type AnswerPlace, answerFrame, answerPacket, segmentKind } from "../wire/carrier-frame.ts"
import { replyFrame } from "../wire/frame.ts"
import type { ReturnPath } from "./packet-path.ts"

/** Captures to inject on by device, and what sends where nothing can be injected. */
export interface Ways {
  readonly captures: ReadonlyMap<string, Capture>
  readonly sockets: Pick<ReplySockets, "reply" | "send">
}

/**
 * Sends an answer back along its path: injected on the interface that heard the knock, below the firewall, else through a raw
 * socket. Over TCP each answer to a segment comes behind the one before it.
 */
export function sendAnswer(path: ReturnPath, answer: Uint8Array, ways: Ways): void {
  const { frame, device } = path
  const data =
    "segment" in frame && segmentKind(frame.segment) === "established" ? pastAGreeting(answer) : answer
  const place = placeOf(path, answer, data.length)
  // The kernel drops an injected packet on lo as a martian: its source is one of our own addresses.
  const capture = device === "lo" || device === "any" ? undefined : ways.captures.get(device)
  if (capture !== undefined) {
    const made = "echo" in frame ? replyFrame(frame, data) : answerFrame(frame, data, place)
    if (made.ok && capture.inject(made.value) === undefined) return
  }
  const to = {
    source: frame.ip.destination,
    destination: frame.ip.source,
    ...(device === "any" ? {} : { device }),
  }
  if ("echo" in frame) {
    const { identifier, sequence } = frame.echo
    void ways.sockets.reply({ ...to, identifier, sequence, data })
  } else void ways.sockets.send({ ...to, packet: answerPacket(frame, data, place) })
}

/** The MAC of an answer is its last 32 bytes (knock-protocol.md, section 5). */
const macAt = messageBytes - 32

/** Takes the next place behind what a segment carried; a SYN-ACK's sequence number is the first of its answer's MAC. */
function placeOf({ answered }: ReturnPath, answer: Uint8Array, length: number): AnswerPlace {
  answered.initial ??= new DataView(answer.buffer, answer.byteOffset).getUint32(macAt)
  const place = { before: answered.bytes, initial: answered.initial }
  answered.bytes += length
  return place
}

/**
 * The answer three times. In a connection of the kernel's the service speaks too, and who comes first has the bytes: the
 * greeting of an ssh server, 255 bytes at most (RFC 4253 4.2), takes no more than the first two.
 */
function pastAGreeting(answer: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([answer, answer, answer]))
}
