import type { Clock, Timer } from "../../clock.ts"
import type { Dropping } from "../../firewall/open/contract.ts"
import { mostListed, someOf } from "../../report/listing.ts"
import type { Outcome } from "../../report/outcome.ts"

/** How often what is in force is looked at after an open, in milliseconds. */
const lookMs = 2000
/** A look at a large ruleset takes long; this many times as long passes before the next, to stay below 5 % of a core. */
const restFactor = 20

export interface RelockWatchDeps {
  readonly clock: Clock
  /** Lists what can drop now. */
  readonly list: () => Promise<readonly Dropping[]>
  readonly emit: (outcome: Outcome) => void
}

/**
 * Watches, from an open on, for what locks again: a configuration manager, a script that is still running, a firewall
 * service that repairs its rules. Each event is reported once; nothing is done about it, since what came back may be wanted.
 */
export class RelockWatch {
  readonly #deps: RelockWatchDeps
  #known: ReadonlySet<string> = new Set()
  #timer: Timer | undefined
  /** Counts up with each start and stop, so that a look that was under way knows it is too late. */
  #turn = 0
  /** Events since arming. */
  reLocks = 0
  /** What can drop, as of the latest look or open. */
  dropping: readonly string[] = []

  constructor(deps: RelockWatchDeps) {
    this.#deps = deps
  }

  /** Begins, or begins anew, with what the listing after an open found: that much is known already. */
  start(found: readonly Dropping[]): void {
    this.stop()
    this.#learn(found)
    this.#wait(lookMs, this.#turn)
  }

  /** What drops from now on is meant to. */
  stop(): void {
    this.#turn += 1
    this.#timer?.cancel()
    this.dropping = []
  }

  #learn(found: readonly Dropping[]): void {
    this.dropping = found.map(describe)
    this.#known = new Set(this.dropping)
  }

  #wait(delayMs: number, turn: number): void {
    this.#timer = this.#deps.clock.after(delayMs, () => void this.#look(turn))
  }

  async #look(turn: number): Promise<void> {
    const startedMs = this.#deps.clock.bootMs()
    const found = await this.#deps.list()
    if (turn !== this.#turn) return
    const fresh = found.map(describe).filter((one) => !this.#known.has(one))
    this.#learn(found)
    if (fresh.length > 0) {
      this.reLocks += 1
      this.#deps.emit({
        event: "re-locked",
        code: "state-unknown",
        message: `something locks again: ${someOf(fresh)}`,
        hint: "stop what loads these rules, then knock again",
        facts: { dropping: fresh.slice(0, mostListed), reLocks: this.reLocks },
      })
    }
    const tookMs = this.#deps.clock.bootMs() - startedMs
    this.#wait(Math.max(lookMs, tookMs * restFactor), turn)
  }
}

const describe = ({ backend, where }: Dropping): string => `${backend}: ${where}`
