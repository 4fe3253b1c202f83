import { reasonOf } from "../../errors.ts"
import type { Effect } from "../machine/effect.ts"
import type { EffectEnd } from "../machine/event.ts"
import type { Snapshots } from "../state/snapshots.ts"
import type { RecordWriter } from "./record-writer.ts"

/** Writes down what outlives the session. Rules that were in memory only get another chance to reach a disk. */
export async function leave(
  snapshots: Snapshots,
  writer: RecordWriter,
  quiet: boolean,
  { behind }: Extract<Effect, { readonly type: "leave" }>,
): Promise<Extract<EffectEnd, { readonly type: "left" }>> {
  const { open, lastChange } = behind
  try {
    const held = open?.rules?.path === "" ? snapshots.get(open.rules) : undefined
    const rules = held === undefined ? open?.rules : await snapshots.save(held)
    writer.leave({ open: open && { ...open, rules }, lastChange }, quiet)
    return { type: "left", failure: undefined, undoable: (rules?.path ?? "") !== "" }
  } catch (thrown) {
    return { type: "left", failure: reasonOf(thrown), undoable: false }
  }
}
