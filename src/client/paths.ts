import { Fault } from "../errors.ts"
import type { EchoTransmitter, HeardReply, HeardUnreachable } from "../transmit/echo-transmitter.ts"
import type { Transmitters } from "../transmit/open-transmitters.ts"
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
  readonly means: EchoTransmitter["means"]
}

interface Path {
  readonly address: string
  readonly transmitter: EchoTransmitter
}

/** Kernel words for "this address cannot be reached from here at all": other addresses may do. */
const hopeless = /unreachable|no route|cannot assign|invalid argument|not supported|address family/i

/**
 * The ways to one host: its addresses, each with the socket that sends there. Every packet goes to all of them until an
 * authentic answer proves one; those that the kernel refuses are left out as long as another is left.
 */
export class Paths {
  /** Takes every reply that says it answers one of this host's requests; set by who waits for it. */
  onReply: (reply: HeardReply) => void = () => {}
  /** The address that an authentic answer came from; one of the given, whatever the answer itself said. */
  proven: string | undefined
  packetsSent = 0
  readonly #identifier: number
  readonly #sentPackets: SentPackets<Paths>
  readonly #failures: Set<string>
  #paths: readonly Path[]
  #lastData: Uint8Array = new Uint8Array()
  #echoed = false
  #unreachable: HeardUnreachable | undefined

  private constructor(
    paths: readonly Path[],
    failures: Iterable<string>,
    identifier: number,
    sentPackets: SentPackets<Paths>,
  ) {
    this.#paths = paths
    this.#failures = new Set(failures)
    this.#identifier = identifier
    this.#sentPackets = sentPackets
  }

  /**
   * @param identifier of every packet
   * @param sentPackets takes note of them, until `close`
   * @throws Fault when not one of the addresses can be sent to from this process */
  static async open(
    addresses: readonly string[],
    transmitters: Transmitters,
    identifier: number,
    sentPackets: SentPackets<Paths>,
  ): Promise<Paths> {
    const paths: Path[] = []
    const faults: unknown[] = []
    for (const address of addresses) {
      try {
        paths.push({ address, transmitter: await transmitters.of(familyOf(address)) })
      } catch (thrown) {
        faults.push(thrown)
      }
    }
    if (paths.length === 0) throw faults[0] ?? new Fault("missing", "there is no address to knock at")
    return new Paths(
      paths,
      faults.map((fault) => (fault instanceof Fault ? fault.message : String(fault))),
      identifier,
      sentPackets,
    )
  }

  /** One packet to every path, each with a sequence of its own. */
  send(data: Uint8Array): void {
    this.#lastData = data
    for (const path of this.#paths) {
      const sequence = this.#sentPackets.sent(this, data)
      this.packetsSent += 1
      const echo = { identifier: this.#identifier, sequence, data }
      void path.transmitter.send(path.address, echo).then((failure) => this.#sent(path, failure))
    }
  }

  /** Takes a reply to one of our packets that is no answer: the kernel's own carries our request back, as it was. */
  echo({ data }: HeardReply): void {
    if (Buffer.compare(data, this.#lastData) === 0) this.#echoed = true
  }

  unreachable(message: HeardUnreachable): void {
    if (this.#paths.some((path) => bare(path.address) === message.destination)) this.#unreachable = message
  }

  close(): void {
    this.#sentPackets.forget(this)
  }

  /** From now on only the path that the authentic answer came by; all the others, if it names none of them (NAT). */
  prove(address: string): void {
    const path = this.#paths.find((candidate) => bare(candidate.address) === address)
    this.proven ??= path?.address ?? this.#paths[0]?.address
    if (path !== undefined) this.#paths = [path]
  }

  report(): PathReport {
    return {
      packetsSent: this.packetsSent,
      echoed: this.#echoed,
      unreachable: this.#unreachable,
      sendFailures: [...this.#failures],
      means: this.#paths[0]?.transmitter.means ?? "raw",
    }
  }

  #sent(path: Path, failure: string | undefined): void {
    if (failure === undefined) return
    this.packetsSent -= 1
    this.#failures.add(`${path.address}: ${failure}`)
    if (hopeless.test(failure) && this.#paths.length > 1)
      this.#paths = this.#paths.filter((other) => other !== path)
  }
}

/** Kernel and routers name addresses without a zone. */
const bare = (address: string): string => address.replace(/%.*$/, "").toLowerCase()
