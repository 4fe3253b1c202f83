import type { Capture } from "../capture/pcap-source.ts"
import { messageBytes } from "../knock/request.ts"
import type { ReplySockets } from "../transmit/reply-sockets.ts"
import { type AnswerPlace, answerFrame, answerPacket } from "../wire/carrier-frame.ts"
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
export function sendAnswer(path: ReturnPath, data: Uint8Array, ways: Ways): void {
  const place = placeOf(path, data)
  const { frame, device } = path
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
function placeOf({ answered }: ReturnPath, data: Uint8Array): AnswerPlace {
  answered.initial ??= new DataView(data.buffer, data.byteOffset).getUint32(macAt)
  const place = { before: answered.bytes, initial: answered.initial }
  answered.bytes += data.length
  return place
}
