import type { Clock, Timer } from "../../clock.ts"
import { formatDuration } from "../../report/duration.ts"
import type { Terminal } from "../terminal/terminal.ts"
import type { KnockOptions } from "./options.ts"

const progressMs = 200

/** `waiting for web1: 5 packets, 1s of 10s`, on a terminal only, from the first packet on. */
export class Progress {
  readonly #options: KnockOptions
  readonly #clock: Clock
  readonly #terminal: Terminal
  readonly #waiting: Set<string>
  readonly #packets = new Map<string, number>()
  readonly #startedMs: number
  readonly #timer: Timer | undefined

  constructor(hosts: readonly string[], options: KnockOptions, clock: Clock, terminal: Terminal) {
    this.#options = options
    this.#clock = clock
    this.#terminal = terminal
    this.#waiting = new Set(hosts)
    this.#startedMs = clock.bootMs()
    this.#timer = options.json ? undefined : clock.every(progressMs, () => this.#show())
  }

  sent(host: string, packets: number): void {
    this.#packets.set(host, packets)
  }

  ended(host: string): void {
    this.#waiting.delete(host)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #show(): void {
    const hosts = [...this.#waiting].join(", ")
    const packets = [...this.#packets.values()].reduce((sum, count) => sum + count, 0)
    const passedMs = Math.floor((this.#clock.bootMs() - this.#startedMs) / 1000) * 1000
    this.#terminal.progress(
      `waiting for ${hosts}: ${packets} packets, ${formatDuration(passedMs)} of ${formatDuration(this.#options.waitMs)}`,
    )
  }
}
