import type { OpenSince, UndoableOpen } from "../machine/open-since.ts"
import type { SnapshotRef } from "../machine/record.ts"

/** An open with its way back, as files have it. */
export interface OpenOnDisk {
  readonly since: OpenSince
  /** The path of the rules from before it; empty where they are lost. */
  readonly snapshot: string
  readonly earlier?: OpenSince
}

/** An open as it is written down. */
export function openOnDisk({ since, rules, earlier }: UndoableOpen): OpenOnDisk {
  return { since, snapshot: rules?.path ?? "", ...(earlier === undefined ? {} : { earlier }) }
}

/** The same read back. @param load finds a snapshot by its path; undefined where it is lost */
export function undoableOf(
  { since, snapshot, earlier }: OpenOnDisk,
  load: (path: string) => SnapshotRef | undefined,
): UndoableOpen {
  return { since, rules: load(snapshot), earlier }
}
