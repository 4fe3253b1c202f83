import type { Effect } from "./effect.ts"
import type { SessionRecord } from "./record.ts"

/** A step that is being made: the record as it is so far, what is to be done so far, and the time. */
export interface At {
  readonly record: SessionRecord
  readonly effects: readonly Effect[]
  /** The boot clock, in milliseconds. */
  readonly nowMs: number
}

/** The same with these parts of the record replaced, and these effects behind those that are there. */
export function update(at: At, parts: Partial<SessionRecord>, ...effects: readonly Effect[]): At {
  return {
    record: { ...at.record, ...parts },
    effects: effects.length === 0 ? at.effects : [...at.effects, ...effects],
    nowMs: at.nowMs,
  }
}

/** The same with these effects behind those that are there. */
export function effect(at: At, ...effects: readonly Effect[]): At {
  return { ...at, effects: [...at.effects, ...effects] }
}
