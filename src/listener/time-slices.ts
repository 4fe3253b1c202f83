/** The time that one capture may take in one turn of the event loop, in milliseconds. */
const sliceMs = 25
/**
 * So many frames are looked at in any case: on a busy machine the time may pass without us, and a team that knocks at many
 * addresses at once is no flood.
 */
const sliceFrames = 768

export interface TimeSliceDeps {
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
export class TimeSlices {
  readonly #deps: TimeSliceDeps
  readonly #taken = new Map<string, { readonly begunMs: number; frames: number }>()

  constructor(deps: TimeSliceDeps) {
    this.#deps = deps
  }

  /** True when a frame of this device may be looked at now. */
  allows(device: string): boolean {
    const taken = this.#taken.get(device)
    if (taken === undefined) {
      if (this.#taken.size === 0) this.#deps.nextTurn(() => this.#taken.clear())
      this.#taken.set(device, { begunMs: this.#deps.nowMs(), frames: 1 })
      return true
    }
    taken.frames += 1
    return taken.frames <= sliceFrames || this.#deps.nowMs() - taken.begunMs < sliceMs
  }
}
