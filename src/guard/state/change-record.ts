import type { Outcome } from "../../report/outcome.ts"

/** What `fw-apply` asks for. */
export interface ChangeOrder extends ChangeFiles {
  /** Made by fw-apply, to know its own change by. */
  readonly id: string
  /** Time to confirm in, in milliseconds; 0: it stays without. */
  readonly withinMs: number
  readonly force: boolean
  /** Its rules are to be loaded at boot, once it is confirmed. */
  readonly save: boolean
  readonly sshPort: number
  /** The ssh client's address, or empty. */
  readonly client: string
  readonly user: string
}

/** A change that waits for its confirmation, as the journal keeps it. */
export interface KeptChange extends StandingConnections {
  readonly id: string
  readonly user: string
  readonly withinMs: number
  readonly save: boolean
  /** When it goes back, on the boot clock, in milliseconds. */
  readonly deadlineMs: number
  /** False from just before the rules are changed until that is done. */
  readonly applied: boolean
  /** The firewall was opened since: the change is not what is in force. */
  readonly opened: boolean
  /** Where the rules are: in the state folder, or in the runtime folder when that cannot be written. */
  readonly before: string
  readonly candidate: string
}

/** How the latest change of the session ended, for a `fw-apply` that lost its guard meanwhile. */
export interface LastChange {
  readonly id: string
  readonly outcome: Outcome
}

/** What `status` says of a change that waits. */
export interface PendingStatus {
  readonly id: string
  readonly user: string
  readonly client: string
  readonly secondsLeft: number
  readonly applied: boolean
  readonly opened: boolean
}

/** What `fw-apply` hands over: files of the runtime folder, which only root can have written. */
export interface ChangeFiles {
  /** The rules to put in force. */
  readonly candidate: string
  /** What was in force when they were rehearsed. */
  readonly rehearsed: string
}

/** What a change remembers to judge a confirmation by. */
export interface StandingConnections {
  /** Keys of the connections that stood when the change had been applied. */
  readonly standing: readonly string[]
  /** The port that the operator comes in by; 0 when it is not known. */
  readonly sshPort: number
  /** Where he comes from; empty when it is not known. */
  readonly client: string
}
