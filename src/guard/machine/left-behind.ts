import type { UndoableOpen } from "./open-since.ts"
import type { LastChange, SessionRecord } from "./record.ts"

/** Everything of a session that outlives it in this boot. */
export interface LeftBehind {
  /** The open that nobody has undone. */
  readonly open: UndoableOpen | undefined
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
  const { openSince, lastChange } = record
  if (openSince === undefined && lastChange === undefined) return undefined
  return { open: undoableOpen(record), lastChange }
}

/** The open that is in force, with its way back. */
export function undoableOpen({ openSince, openBefore, lastOpen }: SessionRecord): UndoableOpen | undefined {
  return openSince && { since: openSince, rules: lastOpen, earlier: openBefore }
}
