import type { Clock, Timer } from "../../../clock.ts"
import { formatDuration } from "../../../report/duration.ts"
import type { Terminal } from "../../terminal/terminal.ts"
import type { KnockOptions } from "../options.ts"

const progressMs = 200

/**
 * `waiting for web1, web2: 5 packets, 1s of 10s`, and of a crowd `waiting for 812 of 10000 hosts: 20113 packets, 4s`; on a
 * terminal only, from the first packet on.
 */
export class Progress {
  readonly #options: KnockOptions
  readonly #clock: Clock
  readonly #terminal: Terminal
  readonly #waiting: Set<string>
  readonly #hosts: number
  readonly #crowd: boolean
  readonly #packets = new Map<string, number>()
  readonly #startedMs: number
  readonly #timer: Timer | undefined

  constructor(
    hosts: readonly string[],
    crowd: boolean,
    options: KnockOptions,
    clock: Clock,
    terminal: Terminal,
  ) {
    this.#options = options
    this.#clock = clock
    this.#terminal = terminal
    this.#waiting = new Set(hosts)
    this.#hosts = hosts.length
    this.#crowd = crowd
    this.#startedMs = clock.bootMs()
    this.#timer = options.json ? undefined : clock.every(progressMs, () => this.#show())
  }

  sent(host: string, packets: number): void {
    this.#packets.set(host, packets)
  }

  /** Packets to all hosts so far. */
  get packets(): number {
    return [...this.#packets.values()].reduce((sum, count) => sum + count, 0)
  }

  ended(host: string): void {
    this.#waiting.delete(host)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #show(): void {
    const passed = formatDuration(Math.floor((this.#clock.bootMs() - this.#startedMs) / 1000) * 1000)
    const hosts = this.#crowd
      ? `${this.#waiting.size} of ${this.#hosts} hosts`
      : [...this.#waiting].join(", ")
    const time = this.#crowd ? passed : `${passed} of ${formatDuration(this.#options.waitMs)}`
    this.#terminal.progress(`waiting for ${hosts}: ${this.packets} packets, ${time}`)
  }
}
