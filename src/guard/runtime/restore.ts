import { reasonOf } from "../../errors.ts"
import { restoreSnapshot } from "../../firewall/restore/restore.ts"
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
    return {
      ...none,
      report: await restoreSnapshot(snapshots.deps, wanted, {
        folder: snapshots.restoreFolder,
        beforeChanging(_, takenAway) {
          if (takenAway.length > 0) emit(takingAway(takenAway))
        },
        known: snapshots.get(known),
      }),
    }
  } catch (thrown) {
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
