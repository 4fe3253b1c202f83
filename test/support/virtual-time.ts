import type { Clock, Timer } from "../../src/clock.ts"

/** A clock that stands still until it is told to go on; promises that are due get their turn after every timer. */
export class VirtualTime implements Clock {
  #nowMs = 1000
  #wallOffsetMs = 1_700_000_000_000
  #due: { atMs: number; then: () => void }[] = []

  wallMs(): number {
    return this.#wallOffsetMs + Math.floor(this.#nowMs)
  }

  bootMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, then: () => void): Timer {
    const entry = { atMs: this.#nowMs + delayMs, then }
    this.#due.push(entry)
    return {
      cancel: () => {
        this.#due = this.#due.filter((other) => other !== entry)
      },
    }
  }

  every(periodMs: number, then: () => void): Timer {
    let timer: Timer
    const arm = (): void => {
      timer = this.after(periodMs, () => {
        arm()
        then()
      })
    }
    arm()
    return { cancel: () => timer.cancel() }
  }

  /** Lets `ms` pass, timer by timer. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    for (;;) {
      await settle()
      const next = this.#due.reduce<{ atMs: number; then: () => void } | undefined>(
        (first, entry) => (first === undefined || entry.atMs < first.atMs ? entry : first),
        undefined,
      )
      if (next === undefined || next.atMs > untilMs) break
      this.#due = this.#due.filter((entry) => entry !== next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.then()
    }
    this.#nowMs = untilMs
    await settle()
  }
}

/** Promises that are ready run to where they wait for something else. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
}
