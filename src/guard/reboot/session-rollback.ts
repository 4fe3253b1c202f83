import type { Clock, Timer } from "../../clock.ts"
import { reasonOf } from "../../errors.ts"
import { compareSnapshots } from "../../firewall/snapshot/compare.ts"
import type { Snapshot } from "../../firewall/snapshot/snapshot.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { KeptRules } from "../rules/rollback-points.ts"
import { forgetOwed, keepOwed } from "./pending-rollback.ts"

/** How often the rules are looked at while a way back is owed, in milliseconds. */
const lookMs = 30_000
/** And never more than this part of the time. */
const restFactor = 50
/** How long the last look may take, in milliseconds: a machine that goes down waits for it. */
const lastLookMs = 5000

export interface OwedWatchDeps {
  readonly clock: Clock
  readonly rules: Pick<KeptRules, "atArming" | "inForce">
  readonly stateFolder: string
  readonly emit: (outcome: Outcome) => void
}

/**
 * While a session owes a way back, keeps in the state folder which rules it is to take away, so that this can be done
 * after a reboot too. Writes only when they are others than at the last look.
 */
export class OwedWatch {
  readonly #deps: OwedWatchDeps
  #owes = false
  #kept: Snapshot | undefined
  #timer: Timer | undefined
  #looking: Promise<void> = Promise.resolve()
  #failed = false

  constructor(deps: OwedWatchDeps) {
    this.#deps = deps
  }

  /** Does the session owe a way back from now on? */
  owes(owes: boolean): void {
    if (owes === this.#owes) return
    this.#owes = owes
    this.#timer?.cancel()
    if (owes) this.#wait(lookMs)
    else this.#forget()
  }

  /** A last look before the guard takes the rules back itself because it was told to end; then nothing is looked at any more. */
  async last(): Promise<void> {
    if (!this.#owes) return
    this.#timer?.cancel()
    const tooLong = new Promise<void>((resolve) => this.#deps.clock.after(lastLookMs, resolve))
    await Promise.race([this.#look(), tooLong])
    this.#owes = false
  }

  /** The session is over. @param keep what is written down is still of use */
  end(keep: boolean): void {
    this.#owes = false
    this.#timer?.cancel()
    if (!keep) this.#forget()
  }

  #wait(delayMs: number): void {
    this.#timer = this.#deps.clock.after(delayMs, () => {
      const startedMs = this.#deps.clock.bootMs()
      void this.#look().then(() => {
        if (this.#owes) this.#wait(Math.max(lookMs, (this.#deps.clock.bootMs() - startedMs) * restFactor))
      })
    })
  }

  #look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#keep())
    return this.#looking
  }

  async #keep(): Promise<void> {
    const { rules, stateFolder, emit } = this.#deps
    const before = rules.atArming
    if (!this.#owes || before === undefined) return
    try {
      const now = await rules.inForce()
      if (!this.#owes || now.unread.length > 0) return
      if (same(before, now)) return this.#forget()
      if (this.#kept !== undefined && same(this.#kept, now)) return
      await keepOwed(stateFolder, "session", { before, unconfirmed: now })
      this.#kept = now
      this.#failed = false
      if (!this.#owes) this.#forget() // the session has ended meanwhile
    } catch (thrown) {
      if (!this.#failed)
        emit({
          event: "owed-not-written",
          code: "state-unknown",
          message: `a reboot would forget what is owed: ${reasonOf(thrown)}`,
        })
      this.#failed = true
    }
  }

  #forget(): void {
    this.#kept = undefined
    forgetOwed(this.#deps.stateFolder, "session")
  }
}

const same = (a: Snapshot, b: Snapshot): boolean => compareSnapshots(a, b, "ignored").length === 0
