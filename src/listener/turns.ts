/** How long one capture may keep the event loop in one of its turns, in milliseconds. */
export const turnMs = 25

export interface TurnDeps {
  /** A clock in milliseconds that never steps, with fractions. */
  readonly nowMs: () => number
  /** Calls `then` when the event loop has come round. */
  readonly nextTurn: (then: () => void) => void
}

/**
 * Keeps a flood from holding the event loop. node-pcap reads a ring until it is empty, which it never is while packets
 * come faster than they are judged, and as long as that lasts nothing else happens: no answer goes out, no message to the
 * guard leaves the pipe, no timer fires. So what a capture delivers after its time in one turn of the loop is let go
 * unseen, which empties the ring at once. A knock among it comes again.
 */
export class Turns {
  readonly #deps: TurnDeps
  readonly #begunMs = new Map<string, number>()

  constructor(deps: TurnDeps) {
    this.#deps = deps
  }

  /** May a frame of this device be looked at now? */
  allows(device: string): boolean {
    const now = this.#deps.nowMs()
    const begun = this.#begunMs.get(device)
    if (begun !== undefined) return now - begun < turnMs
    if (this.#begunMs.size === 0) this.#deps.nextTurn(() => this.#begunMs.clear())
    this.#begunMs.set(device, now)
    return true
  }
}
