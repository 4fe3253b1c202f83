import type { Outcome } from "../../report/outcome.ts"
import type { UndoableOpen } from "./open-since.ts"
import type { SnapshotRef } from "./snapshot-ref.ts"

/** A change of `fw-apply`, from its order to its end. */
export interface Change {
  readonly id: string
  readonly user: string
  /** Time to confirm in, in milliseconds; 0: it stays without. */
  readonly withinMs: number
  readonly force: boolean
  /** Its rules are to be loaded at boot, once it is confirmed. */
  readonly save: boolean
  /** The port that the operator comes in by; 0 when it is not known. */
  readonly sshPort: number
  /** The ssh client's address; empty when it is not known. */
  readonly client: string
  /**
   * `preparing`: its rules are read and the revert is tried out; nothing is owed. `writing`: it is being written down.
   * `applying`: from here on a guard that is killed owes the revert. `waiting`: in force, to be confirmed. `reverting`:
   * it was in force, and nobody can confirm it any more. `comparing`: somebody has confirmed it, and the guard looks at what
   * is in force.
   */
  readonly stage: "preparing" | "writing" | "applying" | "waiting" | "comparing" | "reverting"
  /** When it reverts, on the boot clock, in milliseconds. */
  readonly deadlineMs: number
  /** An open has taken its rules away since: the change is not what is in force. */
  readonly opened: boolean
  /** Keys of the connections that stood when the change had been applied. */
  readonly standing: readonly string[]
  readonly before: SnapshotRef | undefined
  readonly candidate: SnapshotRef | undefined
  /** The control connection that has asked for it, until that has its answer. */
  readonly ask: number | undefined
  /** The reason why it ends before it has changed anything. */
  readonly calledOff: string | undefined
  /** The reason why it could not be put in force whole: it is reverted for that. */
  readonly failed: string | undefined
  /** The confirmation that waits for the look at what is in force. */
  readonly confirming: Confirming | undefined
  /** Since when it reverts, and why. */
  readonly reverting: Reverting | undefined
  /** The open that was in force before the change. */
  readonly openBefore: UndoableOpen | undefined
}

/** A confirmation that has been taken: everybody who is to be told of its end. */
export interface Confirming {
  readonly by: "fw-apply" | "a knock"
  readonly notice: string | undefined
  readonly asks: readonly number[]
  readonly knocks: readonly number[]
  /** The newest task when the look began: whatever comes later may have changed what it sees. */
  readonly lastTask: number
  /** Nobody waits any longer for the look; boot clock, milliseconds. */
  readonly limitMs: number
}

/** A change that goes back, or has. */
export interface Reverting {
  /** Wall clock, for people. */
  readonly atMs: number
  readonly why: string
}

/** The end of the latest change of the session, for a `fw-apply` that lost its guard meanwhile. */
export interface LastChange {
  readonly id: string
  /** Wall clock, for people. */
  readonly atMs: number
  readonly outcome: Outcome
}
