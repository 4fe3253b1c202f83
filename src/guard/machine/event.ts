import type { Survey } from "../../firewall/obstacles/obstacle.ts"
import type { HardReport } from "../../firewall/open/hard-report.ts"
import type { RestoreReport } from "../../firewall/restore/report.ts"
import type { Verb } from "../../knock/verbs.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { Connection } from "../../wire/tcp-connection.ts"
import type { ArmedSecret } from "./configuration.ts"
import type { SessionEnd, SnapshotRef } from "./record.ts"

/** The order that `fw-apply` gives the guard. */
export interface ChangeOrder {
  /** Made by fw-apply, to know its own change by. */
  readonly id: string
  /** The rules to put in force: a snapshot file in the runtime folder, which only root can have written. */
  readonly candidate: string
  /** The rules that were in force when they were rehearsed; another such file. */
  readonly rehearsed: string
  /** Time to confirm in, in milliseconds; 0: it stays without. */
  readonly withinMs: number
  /** Takes tables that would not come back along, and a revert that a killed guard would not do. */
  readonly force: boolean
  /** Its rules are to be loaded at boot, once it is confirmed. */
  readonly save: boolean
  /** The port that the operator comes in by; 0 when it is not known. */
  readonly sshPort: number
  /** The ssh client's address, or empty. */
  readonly client: string
  readonly user: string
}

/** A knock that is authentic and fresh: it acts, once. */
export interface KnockEvent {
  readonly type: "knock"
  /** Names it towards the runtime, which answers it. */
  readonly knock: number
  readonly verb: Verb
  readonly hard: boolean
  readonly source: string
  readonly device: string
  /** `icmp`, or `tcp/PORT`. */
  readonly road: string
  /** As its secret's line has them. */
  readonly host: string
  readonly name: string
  readonly fromHere: boolean
  /** The TCP connections of this host now, for `confirm`. */
  readonly connections: readonly Connection[]
}

/** How the one who confirms came in, as the guard found it out by itself. */
export type Login =
  /** Over these connections (of one ssh login there is one). */
  | { readonly kind: "ssh"; readonly keys: readonly string[] }
  /** On a console of the machine: /dev/tty1, ttyS0, hvc0. */
  | { readonly kind: "console" }
  /** A terminal that outlives logins (tmux, screen), cron, an agent: it says nothing of a connection. */
  | { readonly kind: "unknown" }

/** A command of the control socket that changes something. `ask` names the connection that waits for the outcome. */
export type CommandEvent = { readonly type: "command"; readonly ask: number } & (
  | { readonly command: "undo" }
  | { readonly command: "extend"; readonly byMs: number }
  | { readonly command: "disarm"; readonly by: string }
  | { readonly command: "apply"; readonly order: ChangeOrder }
  | { readonly command: "confirm"; readonly login: Login; readonly connections: readonly Connection[] }
  | { readonly command: "rollback"; readonly by: string }
  | { readonly command: "add-secret"; readonly secret: ArmedSecret }
  | { readonly command: "revoke-secret"; readonly name: string }
)

/** The end of an effect. */
export type EffectEnd =
  /** Step 1 of an open is in the kernel, or has failed in every way. */
  | {
      readonly type: "committed"
      readonly task: number
      readonly failures: readonly string[]
      readonly tookMs: number
    }
  /** The rules from before an open are kept; no snapshot when nothing will be taken away, or when that failed. */
  | {
      readonly type: "kept"
      readonly task: number
      readonly snapshot: SnapshotRef | undefined
      readonly failures: readonly string[]
    }
  | {
      readonly type: "settled"
      readonly task: number
      readonly changed: boolean
      readonly failures: readonly string[]
      /** Everything that a listing afterwards still found. */
      readonly dropping: readonly string[]
    }
  /** The steps that `--hard` adds are done. */
  | {
      readonly type: "cleared"
      readonly task: number
      readonly report: HardReport
      readonly dropping: readonly string[]
    }
  | { readonly type: "surveyed"; readonly task: number; readonly survey: Survey }
  /** No report where the snapshot is lost. */
  | {
      readonly type: "restored"
      readonly task: number
      readonly report: RestoreReport | undefined
      /** Keys of the TCP connections that stand now. */
      readonly standing: readonly string[]
    }
  /** A change that was refused at its last moment: nothing was changed. */
  | { readonly type: "apply-refused"; readonly task: number; readonly outcome: Outcome }
  | {
      readonly type: "prepared"
      readonly id: string
      readonly sides: { readonly before: SnapshotRef; readonly candidate: SnapshotRef }
    }
  | { readonly type: "prepare-refused"; readonly id: string; readonly outcome: Outcome }
  /**
   * The rules in force beside a change. `inForce`: the rules in force, kept; undefined where they are the change's and nothing
   * else. `differs`: the lines by which the two differ where the change touches something.
   */
  | {
      readonly type: "compared"
      readonly id: string
      readonly inForce: SnapshotRef | undefined
      readonly differs: readonly string[]
    }
  /** The rules in force could not be read where the change touches something. */
  | { readonly type: "not-compared"; readonly id: string; readonly why: string }
  /** Everything that outlives the session is on disk, or why not; `undoable`: the rules from before the open are, too. */
  | { readonly type: "left"; readonly failure: string | undefined; readonly undoable: boolean }
  /** The record has been written to disk, or could not be. */
  | { readonly type: "written"; readonly ok: boolean }
  /** A snapshot has been tried out: `lost` would not come back, each with the reason; `failure` when it could not be tried. */
  | {
      readonly type: "proven"
      readonly snapshot: SnapshotRef
      readonly restore: "a rollback" | "an undo"
      readonly lost: readonly string[]
      readonly failure: string | undefined
    }
  | {
      readonly type: "looked"
      readonly turn: number
      readonly dropping: readonly string[]
      /** Terminals that were in use since the look before, such as "pts/0 (root)". */
      readonly terminals: readonly string[]
      readonly tookMs: number
    }

/** Everything that can happen to a session. */
export type SessionEvent =
  | { readonly type: "begin" }
  | KnockEvent
  /** The bare text of `--plain`, heard in an echo request. */
  | { readonly type: "plain"; readonly source: string; readonly device: string }
  | CommandEvent
  /** Time has passed; something may be due. */
  | { readonly type: "moment" }
  /** The guard was told to go, or who armed is gone. */
  | { readonly type: "told-to-end"; readonly how: SessionEnd; readonly message: string }
  | { readonly type: "secrets-read"; readonly secrets: readonly ArmedSecret[] }
  | EffectEnd
