import type { Outcome } from "../../report/outcome.ts"
import type { Effect } from "./effect.ts"
import type { Asker, RestoreTask, RestoreTo, SessionRecord, Task } from "./record.ts"

/** A step that is being made: the record as it is so far, what is to be done so far, and the time. */
export interface At {
  readonly record: SessionRecord
  readonly effects: readonly Effect[]
  /** The boot clock, in milliseconds. */
  readonly nowMs: number
  /** The wall clock, in milliseconds: for people, never for deadlines. */
  readonly wallMs: number
}

/** The same with these parts of the record replaced, and these effects behind those that are there. */
export function update(at: At, parts: Partial<SessionRecord>, ...effects: readonly Effect[]): At {
  return {
    record: { ...at.record, ...parts },
    effects: effects.length === 0 ? at.effects : [...at.effects, ...effects],
    nowMs: at.nowMs,
    wallMs: at.wallMs,
  }
}

/** The same with these effects behind those that are there. */
export function effect(at: At, ...effects: readonly Effect[]): At {
  return { ...at, effects: [...at.effects, ...effects] }
}

type OfKind<Kind extends Task["kind"]> = Extract<Task, { readonly kind: Kind }>

/** The same outcome for every control connection that waits for it. */
export function replies(asks: readonly number[], outcome: Outcome): Effect[] {
  return asks.map((ask) => ({ type: "reply", ask, outcome }))
}

/** The task of this number, as long as it is not done. */
export function taskOf<Kind extends Task["kind"]>(at: At, id: number, kind: Kind): OfKind<Kind> | undefined {
  return at.record.tasks.find((task): task is OfKind<Kind> => task.id === id && task.kind === kind)
}

/** Puts a task in the place of the one with its number. */
export function replaceTask(at: At, task: Task): At {
  return update(at, { tasks: at.record.tasks.map((one) => (one.id === task.id ? task : one)) })
}

/** Takes a task off the list: it is done, or dropped. */
export function withoutTask(at: At, id: number): At {
  return update(at, { tasks: at.record.tasks.filter((one) => one.id !== id) })
}

/** The revert of the change that is on the list, running or not. */
export function revertOf(at: At): RestoreTask | undefined {
  return at.record.tasks.find(
    (task): task is RestoreTask => task.kind === "restore" && task.to === "before-change",
  )
}

/** Puts a restore at the end of the list. */
export function addRestore(
  at: At,
  to: RestoreTo,
  more: {
    readonly cause: RestoreTask["cause"]
    readonly asker?: Asker
    readonly why?: string
  },
): At {
  const id = at.record.lastTask + 1
  const task: RestoreTask = {
    kind: "restore",
    id,
    to,
    asker: more.asker ?? {},
    running: false,
    tries: 0,
    cause: more.cause,
    why: more.why ?? "",
  }
  return update(at, { tasks: [...at.record.tasks, task], lastTask: id })
}
