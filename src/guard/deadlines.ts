import type { Clock, Timer } from "../clock.ts"
import type { SessionConfiguration } from "./configuration.ts"
import type { Journal } from "./state/journal.ts"

/** Why a session ended. */
export type SessionEnd = "expired" | "disarmed" | "terminated" | "change-over"

/** Does this state of a session owe a rollback, sooner or later? */
export function owesWayBack(state: Pick<Journal, "configuration" | "closeAgainMs">): boolean {
  const { dryRun, onExpiry } = state.configuration
  return !dryRun && (onExpiry === "rollback" || state.closeAgainMs > 0)
}

/** How often the deadlines are looked at, in milliseconds: timers alone do not count suspend. */
const lookMs = 3000
/** The longest session, in milliseconds: 7 d, which a timer still takes (2^31 ms are 24 d). */
const longestSessionMs = 7 * 86_400_000
const longestTimerMs = 2 ** 31

/** What is due when; called by {@link Deadlines}. */
export interface DeadlineEvents {
  onEnd(): void
  /** `--open-for` has passed since the last open. */
  onCloseAgain(): void
  /** At each look, while nothing else is due. */
  onLook(): void
}

/** When a session ends, when it goes back after an open, and what it owes then. All times are the boot clock's. */
export class Deadlines {
  readonly #clock: Clock
  readonly #events: DeadlineEvents
  #endMs: number
  #closeAgainMs: number | undefined
  #looking: Timer | undefined
  #waking: Timer | undefined

  constructor(clock: Clock, born: Pick<Journal, "deadlineMs" | "closeAgainMs">, events: DeadlineEvents) {
    this.#clock = clock
    this.#events = events
    this.#endMs = born.deadlineMs
    this.#closeAgainMs = born.closeAgainMs || undefined
  }

  begin(): void {
    this.#looking = this.#clock.every(lookMs, () => this.#look())
    this.#wakeAtNext()
  }

  stop(): void {
    this.#looking?.cancel()
    this.#waking?.cancel()
  }

  /** The session lasts so much longer, and never longer than the longest session from now. */
  extend(byMs: number): void {
    this.#endMs = Math.min(this.#endMs + byMs, this.#clock.bootMs() + longestSessionMs)
    this.#wakeAtNext()
  }

  /** An open was asked for: go back when so much has passed. */
  closeAgainIn(delayMs: number): void {
    this.#closeAgainMs = this.#clock.bootMs() + delayMs
    this.#wakeAtNext()
  }

  /** The session lasts at least so much longer. */
  lastAtLeast(ms: number): void {
    const leftMs = this.#endMs - this.#clock.bootMs()
    if (leftMs < ms) this.extend(ms - leftMs)
  }

  /** Is a way back due at some time? */
  get closesAgain(): boolean {
    return this.#closeAgainMs !== undefined
  }

  /** Somebody went back already. */
  forgetCloseAgain(): void {
    this.#closeAgainMs = undefined
  }

  /** Is its time up? True a moment before {@link DeadlineEvents.onEnd}, too. */
  get past(): boolean {
    return this.#clock.bootMs() >= this.#endMs
  }

  /** Whole seconds until the end, rounded up. */
  get secondsLeft(): number {
    return Math.max(0, Math.ceil((this.#endMs - this.#clock.bootMs()) / 1000))
  }

  /** As the journal keeps them. */
  get kept(): Pick<Journal, "deadlineMs" | "closeAgainMs"> {
    return { deadlineMs: this.#endMs, closeAgainMs: this.#closeAgainMs ?? 0 }
  }

  /** What has to be done when it ends. A disarm owes nothing; a guard that is told to go does not leave rules open. */
  owed(
    how: SessionEnd,
    { dryRun, onExpiry }: Pick<SessionConfiguration, "dryRun" | "onExpiry">,
  ): "reset" | "rollback" | undefined {
    if (dryRun || how === "disarmed" || how === "change-over") return undefined
    if (how === "expired" && onExpiry !== "disarm") return onExpiry
    return this.#closeAgainMs === undefined && onExpiry !== "rollback" ? undefined : "rollback"
  }

  /** The regular look finds what is due too; this one finds it on time. */
  #wakeAtNext(): void {
    this.#waking?.cancel()
    const nextMs = Math.min(this.#endMs, this.#closeAgainMs ?? Number.POSITIVE_INFINITY)
    const leftMs = Math.max(0, nextMs - this.#clock.bootMs())
    if (leftMs >= longestTimerMs) return
    this.#waking = this.#clock.after(leftMs, () => {
      this.#look()
      if (!this.past) this.#wakeAtNext() // it came a little early, or more is due
    })
  }

  #look(): void {
    if (this.past) return this.#events.onEnd()
    if (this.#closeAgainMs !== undefined && this.#clock.bootMs() >= this.#closeAgainMs) {
      this.#closeAgainMs = undefined
      this.#events.onCloseAgain()
    }
    this.#events.onLook()
  }
}
