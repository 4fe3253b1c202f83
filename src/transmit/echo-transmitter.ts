/** One echo request to send. The kernel sets the identifier itself on a ping socket. */
export interface OutgoingEcho {
  /** 0..65535 */
  readonly identifier: number
  /** 0..65535 */
  readonly sequence: number
  readonly data: Uint8Array
}

/** An echo reply that came in, from anybody: nothing about it has been verified. */
export interface HeardReply {
  /** The address that it says it comes from, without a zone. */
  readonly address: string
  readonly identifier: number
  readonly sequence: number
  readonly data: Uint8Array
}

/** A router, or the host itself, says that an echo request did not arrive. Nobody vouches for it: good for a hint. */
export interface HeardUnreachable {
  readonly from: string
  /** The address that the request was going to. */
  readonly destination: string
  readonly identifier: number
  readonly sequence: number
  /** In words: `host unreachable`, `administratively prohibited`. */
  readonly reason: string
}

/** The receiver of what comes in. */
export interface Heard {
  reply(reply: HeardReply): void
  unreachable?(unreachable: HeardUnreachable): void
}

/** Sends echo requests of one address family and hears what comes back. */
export interface EchoTransmitter {
  /** `raw`: a raw socket. `ping`: the kernel's unprivileged ping socket. */
  readonly means: "raw" | "ping"
  /**
   * Sends to a numeric address, with `%zone` where it is link-local. Never rejects.
   * @returns undefined when the kernel took it, else the reason in the kernel's words
   */
  send(address: string, echo: OutgoingEcho): Promise<string | undefined>
  close(): void
}
