import type { Clock } from "../clock.ts"

const turnMs = 1
/** Behind a longer turn only half as many start: what comes in has to be read in time. Milliseconds. */
const longTurnMs = 8
/** The starts of the first turn: a few are no crowd. */
const firstTurn = 16
const growthATurn = 0.25
/** More than any machine starts in a second. */
const noRate = 1e9

export interface PaceOptions {
  /** Starts a second, at most; without it as many as this machine can handle. */
  readonly rate?: number | undefined
  /** Those that have started and not ended, at most; any number unless told. */
  readonly window?: number
}

/**
 * Lets many things start one after the other, as fast as the event loop turns: a little more in each turn, and half as many
 * behind one that took too long. Whoever starts thousands at once reads no answer until the last is on its way, and by then the
 * kernel has thrown most of them away.
 */
export class Pace {
  readonly #clock: Clock
  readonly #rate: number
  readonly #window: number
  readonly #waiting: (() => void)[] = []
  /** The first of those that still wait. */
  #head = 0
  #running = 0
  #turnedMs: number
  #turning = false
  #perTurn = firstTurn
  /** Starts that are left of this turn. */
  #left = firstTurn
  /** Starts that the rate has allowed by now. */
  #credit: number

  constructor(clock: Clock, { rate, window }: PaceOptions = {}) {
    this.#clock = clock
    this.#rate = rate ?? noRate
    this.#window = window ?? Number.POSITIVE_INFINITY
    this.#credit = this.#mostCredit
    this.#turnedMs = clock.bootMs()
  }

  /** A tenth of a second's: a turn that came late is made up for, a pause is not. */
  get #mostCredit(): number {
    return Math.max(1, this.#rate / 10)
  }

  /** Runs `work` when its turn has come, in the order of the calls. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await new Promise<void>((start) => {
      this.#waiting.push(start)
      this.#startSome()
    })
    try {
      return await work()
    } finally {
      this.#running -= 1
      this.#startSome()
    }
  }

  #startSome(): void {
    while (this.#head < this.#waiting.length && this.#running < this.#window) {
      if (this.#left < 1 || this.#credit < 1) break
      this.#left -= 1
      this.#credit -= 1
      this.#running += 1
      const start = this.#waiting[this.#head] as () => void
      this.#head += 1
      start()
    }
    // A turn follows as long as there are some to start, or starts were taken that a later call is to find again.
    if (this.#turning || (this.#head === this.#waiting.length && this.#left >= firstTurn)) return
    this.#turning = true
    this.#turnedMs = this.#clock.bootMs()
    this.#clock.after(turnMs, () => this.#turn())
  }

  #turn(): void {
    this.#turning = false
    const tookMs = this.#clock.bootMs() - this.#turnedMs
    const busy = this.#head < this.#waiting.length
    this.#perTurn = !busy
      ? firstTurn
      : tookMs > longTurnMs
        ? Math.max(1, this.#perTurn / 2)
        : this.#perTurn + growthATurn
    this.#left = this.#perTurn
    this.#credit = Math.min(this.#mostCredit, this.#credit + (this.#rate * tookMs) / 1000)
    this.#startSome()
  }
}
