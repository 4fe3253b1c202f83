import { reasonOf } from "../../errors.ts"
import { rebase } from "../../firewall/merge/rebase.ts"
import type { RestoreOptions } from "../../firewall/restore/restore.ts"
import { restoreProvable } from "../../firewall/restore/restore-provable.ts"
import type { Snapshot } from "../../firewall/snapshot/snapshot.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { Effect } from "../machine/effect.ts"
import type { EffectEnd } from "../machine/event.ts"
import { tellsTakingAway } from "../machine/outcomes/taken-away.ts"
import type { Snapshots } from "../state/snapshots.ts"

/** Puts a snapshot in force: all families and backends together, or not at all. */
export async function restore(
  snapshots: Snapshots,
  { task, snapshot, known, over }: Extract<Effect, { readonly type: "restore" }>,
  emit: (outcome: Outcome) => void,
): Promise<Extract<EffectEnd, { readonly type: "restored" }>> {
  const wanted = snapshots.get(snapshot)
  const none = { type: "restored", task, standing: [] } as const
  if (wanted === undefined) return { ...none, report: undefined }
  try {
    const { deps, restoreFolder: folder } = snapshots
    const restored = await restoreProvable({ ...deps, runHere: deps.run }, wanted, {
      folder,
      beforeChanging: tellsTakingAway(emit),
      known: snapshots.get(known),
      onto: ontoOthers(wanted, snapshots.get(over)),
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

/** Takes a change back out of what is in force, where its rules are known; what others have written since stays. */
function ontoOthers(before: Snapshot, change: Snapshot | undefined): RestoreOptions["onto"] {
  if (change === undefined) return undefined
  return (inForce) => rebase(change, before, inForce, "ours-go").snapshot
}
