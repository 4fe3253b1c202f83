/**
 * One request to send, in an echo request or in a TCP segment. The kernel sets the identifier itself on a ping socket; over TCP
 * there is none, and the sequence only tells us our packets apart.
 */
export interface OutgoingPacket {
  /** 0..65535 */
  readonly identifier: number
  /** 0..65535 */
  readonly sequence: number
  readonly data: Uint8Array
}

/** An echo reply, or the data of a TCP segment or connection, from anybody: nothing about it has been verified. */
export interface HeardReply {
  /** The address that it says it comes from, without a zone. */
  readonly address: string
  /**
   * The port of whoever sends it over TCP; undefined for an echo reply. `data` of a connection is what it says, behind the last of
   * what it said before: an answer stands anywhere in it.
   */
  readonly port?: number
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

/** Sends requests of one address family, in echo requests or to one TCP port, and hears what comes back. */
export interface Transmitter {
  /** `raw`: a raw socket. `ping`: the kernel's unprivileged ping socket. `tcp`: the kernel's connections. */
  readonly means: "raw" | "ping" | "tcp"
  /**
   * Sends to a numeric address, with `%zone` where it is link-local. Never rejects.
   * @returns undefined when the kernel took it, else the reason in the kernel's words
   */
  send(address: string, echo: OutgoingPacket): Promise<string | undefined>
  /** Nothing more is waited for from this address: connections to it end. */
  forget?(address: string): void
  close(): void
}
