import type { At } from "../at.ts"
import { endWhenDone } from "./end.ts"
import { goOnOpening } from "./open.ts"
import { startRestoring } from "./restore.ts"

/** Goes on with the task that is the first in line; one that ends at once makes room for the next. */
export function advance(at: At): At {
  let now = at
  for (;;) {
    const [task] = now.record.tasks
    if (task === undefined) return endWhenDone(now)
    const next = task.kind === "open" ? goOnOpening(now, task) : startRestoring(now, task)
    if (next === now || next.record.tasks[0] === task) return next
    if (next.record.tasks[0]?.id === task.id) return next
    now = next
  }
}
