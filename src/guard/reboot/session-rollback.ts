import type { Clock, Timer } from "../../clock.ts"
import { reasonOf } from "../../errors.ts"
import { compareSnapshots } from "../../firewall/snapshot/compare.ts"
import { isOrder } from "../../firewall/snapshot/difference.ts"
import { type Snapshot, takeSnapshot } from "../../firewall/snapshot/snapshot.ts"
import type { Outcome } from "../../report/outcome.ts"
import { within } from "../../system/within.ts"
import type { SnapshotRef } from "../machine/record.ts"
import type { Snapshots } from "../state/snapshots.ts"
import { forgetOwed, keepOwed } from "./pending-rollback.ts"

/** How often the rules are looked at while a rollback is owed, in milliseconds. */
const lookMs = 30_000
/** And never more than this part of the time. */
const restFactor = 50
/** How long the last look may take, in milliseconds: a machine that goes down waits for it. */
const lastLookMs = 5000

/**
 * While a session owes a rollback, keeps in the state folder which rules it is to take away, so that this can be done
 * after a reboot too. Writes only when they are others than at the last look.
 */
export class SessionRollback {
  readonly #clock: Clock
  readonly #snapshots: Pick<Snapshots, "get" | "deps">
  readonly #stateFolder: string
  readonly #emit: (outcome: Outcome) => void
  /** The rules that a rollback restores; undefined while none is owed. */
  #arming: SnapshotRef | undefined
  #kept: Snapshot | undefined
  #timer: Timer | undefined
  #looking: Promise<void> = Promise.resolve()
  #failed = false

  constructor(parts: {
    readonly clock: Clock
    readonly snapshots: Pick<Snapshots, "get" | "deps">
    readonly stateFolder: string
    readonly emit: (outcome: Outcome) => void
  }) {
    this.#clock = parts.clock
    this.#snapshots = parts.snapshots
    this.#stateFolder = parts.stateFolder
    this.#emit = parts.emit
  }

  /** A rollback to these rules is owed from now on; undefined: none is. */
  follow(arming: SnapshotRef | undefined): void {
    const before = this.#arming
    this.#arming = arming
    if ((before === undefined) === (arming === undefined)) return
    this.#timer?.cancel()
    if (arming === undefined) this.#forget()
    else this.#wait(lookMs)
  }

  /** A last look before the guard takes the rules back itself because it was told to end; then nothing is looked at any more. */
  async last(): Promise<void> {
    if (this.#arming === undefined) return
    this.#timer?.cancel()
    await within(this.#clock, lastLookMs, this.#look()).catch(() => {})
    this.#arming = undefined
  }

  /** The session is over. @param keep what is written down is still of use */
  end(keep: boolean): void {
    this.#arming = undefined
    this.#timer?.cancel()
    if (!keep) this.#forget()
  }

  #wait(delayMs: number): void {
    this.#timer = this.#clock.after(delayMs, () => {
      const startedMs = this.#clock.bootMs()
      void this.#look().then(() => {
        if (this.#arming !== undefined)
          this.#wait(Math.max(lookMs, (this.#clock.bootMs() - startedMs) * restFactor))
      })
    })
  }

  #look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#keep())
    return this.#looking
  }

  async #keep(): Promise<void> {
    const before = this.#snapshots.get(this.#arming)
    if (before === undefined) return
    try {
      const now = await takeSnapshot(this.#snapshots.deps, "in force")
      if (this.#arming === undefined || now.unread.length > 0) return
      if (same(before, now)) return this.#forget()
      if (this.#kept !== undefined && same(this.#kept, now)) return
      await keepOwed(this.#stateFolder, "session", { before, unconfirmed: now })
      this.#kept = now
      this.#failed = false
      if (this.#arming === undefined) this.#forget() // the session has ended meanwhile
    } catch (thrown) {
      if (!this.#failed)
        this.#emit({
          event: "owed-not-written",
          code: "state-unknown",
          message: `a reboot would forget what is owed: ${reasonOf(thrown)}`,
        })
      this.#failed = true
    }
  }

  #forget(): void {
    this.#kept = undefined
    forgetOwed(this.#stateFolder, "session")
  }
}

const same = (a: Snapshot, b: Snapshot): boolean => compareSnapshots(a, b, "ignored").every(isOrder)
