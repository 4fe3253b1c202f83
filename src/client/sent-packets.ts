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

  /** The sender of the request that this says it answers; nobody has verified that. */
  answered({ data }: HeardReply): Sender | undefined {
    const mac = requestMacIn(data)
    return mac && this.#byMac.get(keyOf(mac))
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
