import type { Clock } from "../../clock.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { RejectionCounts } from "./rejection-counts.ts"
import type { ListenerSupervisor } from "./supervisor.ts"

/** ListenerSupervisor that end again and again for the same reason are reported once in this time, in milliseconds. */
const sameEndMs = 60_000

/** The log lines about listeners and about what they refuse: once, however often it happens. */
export class ListenerLog {
  readonly #clock: Clock
  readonly #emit: (outcome: Outcome) => void
  #ended = { why: "", atMs: Number.NEGATIVE_INFINITY }

  constructor({ clock, emit }: { readonly clock: Clock; readonly emit: (outcome: Outcome) => void }) {
    this.#clock = clock
    this.#emit = emit
  }

  ended(why: string): void {
    const now = this.#clock.bootMs()
    if (why === this.#ended.why && now - this.#ended.atMs < sameEndMs) return
    this.#ended = { why, atMs: now }
    const message = `the listener ended and another is being started: ${why}`
    this.#emit({ event: "listener-restarted", code: "state-unknown", message })
  }

  replaced(why: string): void {
    this.#emit({ event: "listener-replaced", code: "done", message: `a new listener took over: ${why}` })
  }

  /** To be called every few seconds: says what has been rejected, when it is time to. */
  rejected(rejections: RejectionCounts, listener: ListenerSupervisor | undefined): void {
    const news = rejections.news(listener, this.#clock.bootMs())
    if (news === undefined) return
    const facts = { rejected: rejections.totals(listener) }
    this.#emit({ event: "rejected", code: "done", message: `rejected so far: ${news}`, facts })
  }
}
