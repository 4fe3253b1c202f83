import type { KnockOrigin } from "../../firewall/obstacles/obstacle.ts"
import type { Verdict } from "../../knock/answer.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { ChangeOrder } from "./event.ts"
import type { LeftBehind } from "./left-behind.ts"
import type { OpeningState, SessionEnd, SnapshotRef } from "./record.ts"

/** Something that the runtime is to do. Effects of one step go out in their order; those with an end feed it back as an event. */
export type Effect =
  /** Says on disk how far an open has come; microseconds, so that an open can wait for it. */
  | { readonly type: "mark"; readonly state: OpeningState | undefined }
  /** Writes what has to survive a kill. Ends in `written`. */
  | { readonly type: "write" }
  /** Step 1 of an open. Ends in `committed`. */
  | { readonly type: "commit"; readonly task: number; readonly hard: boolean }
  /**
   * Keeps the rules from before the open. `always`: also when a plain open would take nothing away; where that is so, because an
   * open is in force (`isOpen`) and nothing came since, those of `lastOpen` are the better ones. `cutOff`: how far the open had
   * come that this one ends; then `lastOpen` and `arming` tell what had been there. Ends in `kept`.
   */
  | {
      readonly type: "keep"
      readonly task: number
      readonly always: boolean
      readonly isOpen: boolean
      readonly cutOff: OpeningState | undefined
      readonly lastOpen: SnapshotRef | undefined
      readonly arming: SnapshotRef | undefined
    }
  /** Flushes and accepts, and lists again. Ends in `settled`. */
  | { readonly type: "settle"; readonly task: number }
  /** The steps that `--hard` adds. Ends in `cleared`. */
  | { readonly type: "clear"; readonly task: number }
  /** Looks for what the open leaves alone and can stop packets all the same, each kind for so long. Ends in `surveyed`. */
  | {
      readonly type: "survey"
      readonly task: number
      readonly origin: KnockOrigin | undefined
      readonly limitMs: number
    }
  /** Ends in `restored`. `known`: rules that nobody has to be told are gone. */
  | {
      readonly type: "restore"
      readonly task: number
      readonly snapshot: SnapshotRef
      readonly known: SnapshotRef | undefined
      /** The change that is taken back out of what is in force; undefined where the snapshot is all that is to be in force. */
      readonly over: SnapshotRef | undefined
    }
  /** Ends in `prepared` or `prepare-refused`. */
  | { readonly type: "prepare"; readonly order: ChangeOrder }
  /** Puts a change in force. Ends in `restored` or `apply-refused`. */
  | {
      readonly type: "apply"
      readonly task: number
      readonly id: string
      readonly before: SnapshotRef
      readonly candidate: SnapshotRef
    }
  /** Compares what is in force with a change, in the tables and sets that it touches. Ends in `compared`. */
  | {
      readonly type: "compare"
      readonly id: string
      readonly before: SnapshotRef | undefined
      readonly candidate: SnapshotRef | undefined
    }
  /** Keeps in mind what a change that stays has made. */
  | { readonly type: "remember"; readonly candidate: SnapshotRef }
  /** Lists what can drop now, `sinceMs` after it was looked at before. Ends in `looked`. */
  | { readonly type: "look"; readonly turn: number; readonly sinceMs: number }
  /** Restores a snapshot in a throw-away namespace and says what would not come back. Ends in `proven`. */
  | { readonly type: "prove"; readonly snapshot: SnapshotRef; readonly restore: "a rollback" | "an undo" }
  | {
      readonly type: "answer"
      readonly knock: number
      readonly verdict: Verdict
      readonly verified: boolean
      /** Another knock's way was looked at, which says nothing of this one's. */
      readonly elsewhere?: boolean
    }
  | { readonly type: "reply"; readonly ask: number; readonly outcome: Outcome }
  /** Tells everybody: log, viewers, people. */
  | { readonly type: "emit"; readonly outcome: Outcome }
  /** Writes down what outlives the session. Ends in `left`. */
  | { readonly type: "leave"; readonly behind: LeftBehind }
  /** Accepts knocks under the record's secrets from now on, and under no others; a new listener takes over without a gap. */
  | { readonly type: "use-secrets"; readonly why: string }
  /** Ends the listeners. */
  | { readonly type: "stop-listening" }
  /** The session is over. The last effect of all. */
  | { readonly type: "end"; readonly how: SessionEnd }
