import { reasonOf } from "../../errors.ts"
import { restoreProvable } from "../../firewall/restore/restore-provable.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { Effect } from "../machine/effect.ts"
import type { EffectEnd } from "../machine/event.ts"
import { takingAway } from "../machine/outcomes/taken-away.ts"
import type { Snapshots } from "../state/snapshots.ts"

/** Puts a snapshot in force: all families and backends together, or not at all. */
export async function restore(
  snapshots: Snapshots,
  { task, snapshot, known }: Extract<Effect, { readonly type: "restore" }>,
  emit: (outcome: Outcome) => void,
): Promise<Extract<EffectEnd, { readonly type: "restored" }>> {
  const wanted = snapshots.get(snapshot)
  const none = { type: "restored", task, standing: [] } as const
  if (wanted === undefined) return { ...none, report: undefined }
  try {
    const { deps, restoreFolder: folder } = snapshots
    const restored = await restoreProvable({ ...deps, runHere: deps.run }, wanted, {
      folder,
      beforeChanging(_, takenAway) {
        if (takenAway.length > 0) emit(takingAway(takenAway))
      },
      known: snapshots.get(known),
    })
    snapshots.replace(snapshot, restored.snapshot)
    return { ...none, report: restored.report }
  } catch (thrown) {
    // Its steps could not be written: nothing has been changed.
    const failures = [reasonOf(thrown)]
    return {
      ...none,
      report: {
        end: "put-back",
        ok: false,
        changed: false,
        failures,
        left: [],
        differences: [],
        takenAway: [],
      },
    }
  }
}
