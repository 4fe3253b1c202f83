import { type At, effect, update } from "../at.ts"
import { nothingWaits, refusal } from "../outcomes/change.ts"
import type { Change } from "../record.ts"
import { addRestore, replaceTask, revertOf } from "./tasks.ts"

/**
 * Takes back the change, when what is being applied has been. Whoever asks while it reverts gets the same answer; one that
 * has not changed anything yet is called off.
 */
export function askRevert(at: At, why: string, ask?: number): At {
  const { change } = at.record
  const asks = ask === undefined ? [] : [ask]
  if (change === undefined)
    return effect(at, ...asks.map((one) => ({ type: "reply", ask: one, outcome: nothingWaits }) as const))
  switch (change.stage) {
    case "preparing":
    case "writing": {
      const { id } = change
      const outcome = refusal("called-off", `${why}: nothing had been changed yet`, "apply it again", { id })
      return effect(
        update(at, { change: { ...change, calledOff: why } }),
        ...asks.map((one) => ({ type: "reply", ask: one, outcome }) as const),
      )
    }
    case "applying":
    case "waiting":
    case "reverting": {
      const task = revertOf(at)
      if (task !== undefined)
        return replaceTask(at, { ...task, asker: { asks: [...(task.asker.asks ?? []), ...asks] } })
      const reverting = change.stage === "waiting" ? unconfirmable(at, change) : at
      return addRestore(reverting, "before-change", { cause: "change", asker: { asks }, why })
    }
  }
}

/** Takes back the change before anything else is done: it could not be applied whole, or what is next is older than it. */
export function revertFirst(at: At, { why }: { readonly why: string }): At {
  const { change } = at.record
  if (change === undefined) return at
  const added = addRestore(unconfirmable(at, change), "before-change", { cause: "change", why })
  const { tasks } = added.record
  return update(added, { tasks: [...tasks.slice(-1), ...tasks.slice(0, -1)] })
}

/** From now on nobody can confirm it, and a guard that goes on with it reverts at once. */
function unconfirmable(at: At, change: Change): At {
  return update(at, {
    change: { ...change, stage: "reverting", deadlineMs: Math.min(change.deadlineMs, at.nowMs) },
  })
}
