/** How long one capture may keep the event loop in one of its turns, in milliseconds. */
export const turnMs = 25
/** So many frames are looked at in any case: on a busy machine the time may pass without us. */
export const turnFrames = 256

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
  readonly #taken = new Map<string, { readonly begunMs: number; frames: number }>()

  constructor(deps: TurnDeps) {
    this.#deps = deps
  }

  /** May a frame of this device be looked at now? */
  allows(device: string): boolean {
    const taken = this.#taken.get(device)
    if (taken === undefined) {
      if (this.#taken.size === 0) this.#deps.nextTurn(() => this.#taken.clear())
      this.#taken.set(device, { begunMs: this.#deps.nowMs(), frames: 1 })
      return true
    }
    taken.frames += 1
    return taken.frames <= turnFrames || this.#deps.nowMs() - taken.begunMs < turnMs
  }
}
