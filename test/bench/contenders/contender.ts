import type { Stage } from "../stage.ts"

/** A way to open a firewall from afar, as it is installed and armed by somebody who read its manual. */
export interface Contender {
  readonly name: string
  /** How it is set up, for the reader of the results. */
  readonly setup: string
  /** Why it cannot run here; it is shown with this reason, and not left out. */
  missing(): string | undefined
  /** Arms it on the stage's server; resolves when it listens. */
  arm(stage: Stage): Promise<Armed>
}

export interface Armed {
  /** The command line that opens the firewall, to be run on the stage's client. */
  knock(to: string): readonly string[]
  /** The same exchange where the contender has one that changes nothing. */
  readonly probe?: readonly string[]
  /** How many lines it has written, all its logs together. */
  logLines(): number
  /** A knock as somebody makes it who has seen one on the wire and has no secret; undefined where seeing is all it takes. */
  readonly forge?: () => Junk
}

/** What a packet that is not a knock carries. */
export interface Junk {
  readonly data: Uint8Array
  /** A datagram to this port; an echo request without it. */
  readonly udpPort?: number
}
