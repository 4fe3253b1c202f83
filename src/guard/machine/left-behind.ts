import type { OpenSince } from "./open-since.ts"
import type { LastChange, SessionRecord, SnapshotRef } from "./record.ts"

/** Everything of a session that outlives it in this boot. */
export interface LeftBehind {
  /** The open that nobody has undone. */
  readonly open:
    | {
        readonly since: OpenSince
        /** The rules from before it; undefined where they are lost. */
        readonly rules: SnapshotRef | undefined
        /** The older open that an undo of it goes back to. */
        readonly earlier: OpenSince | undefined
      }
    | undefined
  readonly lastChange: LastChange | undefined
}

/** A session that begins now, with what one before it has left behind: its rules are the ones in force at arming. */
export function takeOver(record: SessionRecord, { open, lastChange }: LeftBehind): SessionRecord {
  if (open === undefined) return { ...record, lastChange }
  const { since, rules, earlier } = open
  return {
    ...record,
    lastChange,
    lastOpen: rules,
    noUndo: rules === undefined ? { why: "lost" } : record.noUndo,
    openSince: since,
    openBefore: earlier,
    openAtArming: since,
  }
}

/** The part of a session that is to outlive it; undefined when nothing is. */
export function leftBehind(record: SessionRecord): LeftBehind | undefined {
  const { openSince, openBefore, lastOpen, lastChange } = record
  if (openSince === undefined && lastChange === undefined) return undefined
  const open = openSince && { since: openSince, rules: lastOpen, earlier: openBefore }
  return { open, lastChange }
}
