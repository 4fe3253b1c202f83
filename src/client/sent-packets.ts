import { requestMacIn } from "../knock/answer.ts"
import { messageBytes, requestMacOf } from "../knock/request.ts"
import type { HeardReply } from "../transmit/transmitter.ts"

/** As many as an ICMP header can tell apart. */
const sequenceCount = 65_536

/**
 * Whose packets are on their way, so that what comes back finds its sender at once, however many there are. An answer is found by
 * the request MAC that it repeats: addresses and identifiers are rewritten on the way, and anyone can send. What is no answer is
 * found by its sequence, which is good for hints.
 */
export class SentPackets<Sender> {
  readonly #byMac = new Map<string, Sender>()
  readonly #bySequence = new Map<number, Sender>()
  readonly #of = new Map<Sender, { readonly macs: Set<string>; readonly sequences: number[] }>()
  #next: number

  /** @param first the sequence of the first packet, 0..65535 */
  constructor(first: number) {
    this.#next = first
  }

  /** Takes note of a packet. @returns its sequence, none of the last 65 535 packets' */
  sent(sender: Sender, data: Uint8Array): number {
    const sequence = this.#next
    this.#next = (sequence + 1) % sequenceCount
    const packets = this.#of.get(sender) ?? { macs: new Set<string>(), sequences: [] }
    this.#of.set(sender, packets)
    this.#bySequence.set(sequence, sender)
    packets.sequences.push(sequence)
    if (data.length === messageBytes) {
      const mac = keyOf(requestMacOf(data))
      this.#byMac.set(mac, sender)
      packets.macs.add(mac)
    }
    return sequence
  }

  /**
   * Answers to requests by their own word, which nobody has verified, each with who sent its request. In the data of an echo reply
   * that is all of it or nothing, in what a connection has said it may be any 128 bytes.
   */
  answers({ port, data }: Pick<HeardReply, "port" | "data">): { sender: Sender; data: Uint8Array }[] {
    const found: { sender: Sender; data: Uint8Array }[] = []
    const places = port === undefined && data.length > messageBytes ? 0 : data.length - messageBytes + 1
    for (let at = 0; at < places; at += 1) {
      const candidate = data.subarray(at, at + messageBytes)
      const sender = this.#byMac.get(keyOf(requestMacIn(candidate)))
      if (sender !== undefined) found.push({ sender, data: candidate })
    }
    return found
  }

  /** The sender of the last packet with this sequence. */
  numbered({ sequence }: { readonly sequence: number }): Sender | undefined {
    return this.#bySequence.get(sequence)
  }

  /** Nothing that comes in finds this sender any more. */
  forget(sender: Sender): void {
    const { macs = [], sequences = [] } = this.#of.get(sender) ?? {}
    for (const mac of macs) this.#byMac.delete(mac)
    for (const sequence of sequences)
      if (this.#bySequence.get(sequence) === sender) this.#bySequence.delete(sequence)
    this.#of.delete(sender)
  }
}

const keyOf = (mac: Uint8Array): string =>
  Buffer.from(mac.buffer, mac.byteOffset, mac.length).toString("latin1")
