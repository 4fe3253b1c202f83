import { Fault } from "../errors.ts"
import type { Transmitters } from "../transmit/open-transmitters.ts"
import type { HeardReply, HeardUnreachable, Transmitter } from "../transmit/transmitter.ts"
import { kernelAddress } from "../wire/address.ts"
import { familyOf } from "./resolve.ts"
import type { SentPackets } from "./sent-packets.ts"

/** The fate of the packets to one host, whoever answered. */
export interface PathReport {
  /** Packets that the kernel took. */
  readonly packetsSent: number
  /** Ordinary replies to our packets came: the host is up and pings reach it, but nobody there knows this secret. */
  readonly echoed: boolean
  /** The last word of a router about our packets, not verified. */
  readonly unreachable: HeardUnreachable | undefined
  /** The reasons why the kernel did not take packets, each once. */
  readonly sendFailures: readonly string[]
  readonly means: Transmitter["means"]
  /** The carrier of the first authentic answer; undefined when none came. */
  readonly carrier: Carrier | undefined
  /** Why no echo requests could be sent from here, with what to do; undefined where they could, or were not wanted. */
  readonly noPings?: Fault | undefined
}

/** A carrier of knocks (native-notes/knock-protocol.md, section 1): echo requests, or segments to a TCP port. */
export type Carrier = "icmp" | number

interface Path {
  readonly address: string
  /** As replies name it. */
  readonly plain: string
  readonly carrier: Carrier
  readonly transmitter: Transmitter
  /** Copies that were sent behind a word of the service there, and the last one's moment. */
  spokenTo: { copies: number; lastMs: number } | undefined
}

/** Services and their guards count connections that say nothing they know: one that speaks gets so many more, and so seldom. */
const mostSpokenTo = 8
const spokenToEveryMs = 1000

/** Kernel words for "this address cannot be reached from here at all": other addresses may do. */
const hopeless = /unreachable|no route|cannot assign|invalid argument|not supported|address family/i

/**
 * The ways to one host: its addresses and carriers, each with the socket that sends there. Every packet goes to all of them until
 * an authentic answer proves one; those that the kernel refuses are left out as long as another is left.
 */
export class Paths {
  /** Takes every reply that says it answers one of this host's requests; set by who waits for it. */
  onReply: (reply: HeardReply) => void = () => {}
  /** The address that an authentic answer came from; one of the given, whatever the answer itself said. */
  proven: string | undefined
  /** Why echo requests cannot be sent from here; set by who went on without them. */
  noPings: Fault | undefined
  packetsSent = 0
  readonly #addresses: readonly string[]
  readonly #transmitters: Transmitters
  readonly #identifier: number
  readonly #sentPackets: SentPackets<Paths>
  #carrier: Carrier | undefined
  #closed = false
  readonly #failures = new Set<string>()
  #paths: readonly Path[] = []
  #lastData: Uint8Array = new Uint8Array()
  #echoed = false
  #unreachable: HeardUnreachable | undefined

  /**
   * @param addresses numeric, of this one host; at least one
   * @param identifier of every echo request
   * @param sentPackets takes note of the packets, until `close`
   */
  constructor(
    addresses: readonly string[],
    transmitters: Transmitters,
    identifier: number,
    sentPackets: SentPackets<Paths>,
  ) {
    this.#addresses = addresses
    this.#transmitters = transmitters
    this.#identifier = identifier
    this.#sentPackets = sentPackets
  }

  /**
   * Opens the paths of a carrier, for what is sent from now on.
   * @throws Fault when not one of the addresses can be sent to by it from this process, and none by another
   */
  async open(carrier: Carrier): Promise<void> {
    const faults: unknown[] = []
    const opened: Path[] = []
    for (const address of this.#addresses)
      try {
        const port = carrier === "icmp" ? undefined : carrier
        const transmitter = await this.#transmitters.of(familyOf(address), port)
        opened.push({ address, plain: kernelAddress(address), carrier, transmitter, spokenTo: undefined })
      } catch (thrown) {
        faults.push(thrown)
      }
    if (this.proven !== undefined || this.#closed) return
    if (opened.length === 0 && this.#paths.length === 0)
      throw faults[0] ?? new Fault("missing", "there is no address to knock at")
    for (const fault of faults) this.#failures.add(fault instanceof Fault ? fault.message : String(fault))
    this.#paths = [...this.#paths, ...opened]
  }

  /** Something can be sent. */
  get any(): boolean {
    return this.#paths.length > 0
  }

  /** One packet to every path, each with a sequence of its own. */
  send(data: Uint8Array, nowMs: number): void {
    this.#lastData = data
    this.#sendOn(this.#paths, data, nowMs)
  }

  #sendOn(paths: readonly Path[], data: Uint8Array, nowMs: number): void {
    for (const path of paths.filter((each) => mayBeSpokenTo(each, nowMs))) {
      const sequence = this.#sentPackets.sent(this, data)
      this.packetsSent += 1
      const packet = { identifier: this.#identifier, sequence, data }
      void path.transmitter.send(path.address, packet).then((failure) => this.#sent(path, failure))
    }
  }

  /**
   * Takes a reply to one of our packets that is no answer: the kernel's own echo carries our request back, as it was; a connection
   * says what the service there says.
   */
  noAnswer({ address, port, data }: HeardReply): void {
    if (port === undefined) {
      if (Buffer.compare(data, this.#lastData) === 0) this.#echoed = true
      return
    }
    for (const path of this.#paths)
      if (path.carrier === port && path.plain === address)
        path.spokenTo ??= { copies: 0, lastMs: Number.NEGATIVE_INFINITY }
  }

  unreachable(message: HeardUnreachable): void {
    if (this.#paths.some((path) => path.plain === message.destination)) this.#unreachable = message
  }

  close(): void {
    this.#closed = true
    this.#sentPackets.forget(this)
    for (const path of this.#paths) path.transmitter.forget?.(path.address)
  }

  /** From now on only the path that the authentic answer came by; all the others, if it names none of them (NAT). */
  prove({ address, port }: Pick<HeardReply, "address" | "port">): void {
    const carrier: Carrier = port ?? "icmp"
    const path = this.#paths.find((one) => one.plain === address && one.carrier === carrier)
    this.proven ??= path?.address ?? this.#paths[0]?.address
    this.#carrier ??= carrier
    if (path === undefined) return
    for (const other of this.#paths) if (other !== path) other.transmitter.forget?.(other.address)
    this.#paths = [path]
  }

  report(): PathReport {
    return {
      packetsSent: this.packetsSent,
      echoed: this.#echoed,
      unreachable: this.#unreachable,
      sendFailures: [...this.#failures],
      means: this.#paths[0]?.transmitter.means ?? "raw",
      carrier: this.#carrier,
      noPings: this.noPings,
    }
  }

  #sent(path: Path, failure: string | undefined): void {
    if (failure === undefined) return
    this.packetsSent -= 1
    const to = path.carrier === "icmp" ? path.address : `${path.address} tcp/${path.carrier}`
    this.#failures.add(`${to}: ${failure}`)
    if (hopeless.test(failure) && this.#paths.length > 1)
      this.#paths = this.#paths.filter((other) => other !== path)
  }
}

/** Takes note of the copy that is sent where it may. */
function mayBeSpokenTo({ spokenTo }: Path, nowMs: number): boolean {
  if (spokenTo === undefined) return true
  if (spokenTo.copies >= mostSpokenTo || nowMs - spokenTo.lastMs < spokenToEveryMs) return false
  spokenTo.copies += 1
  spokenTo.lastMs = nowMs
  return true
}
