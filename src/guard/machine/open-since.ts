import type { SessionConfiguration } from "./configuration.ts"
import type { SnapshotRef } from "./snapshot-ref.ts"

/** An open whose rules nobody has put back since, as far as this program knows. */
export interface OpenSince {
  /** Wall clock, for people. */
  readonly atMs: number
  /** The part of the firewall that it covered. */
  readonly scope: SessionConfiguration["scope"]
  /** False where the open did not work completely, or rules from before it are back in part: nobody knows what is in force. */
  readonly whole: boolean
}

/** An open with its way back. */
export interface UndoableOpen {
  readonly since: OpenSince
  /** The rules from before it; undefined where they are lost. */
  readonly rules: SnapshotRef | undefined
  /** The older open that an undo of it goes back to. */
  readonly earlier: OpenSince | undefined
}

/** The reason why there is no open to undo. */
export type NoUndo =
  /** `not-kept`: its rules could not be kept. `lost`: they were, and cannot be read any more. */
  | { readonly why: "no-open" | "changed-nothing" | "not-kept" | "lost" }
  | { readonly why: "undone" | "confirmed"; readonly atMs: number }
