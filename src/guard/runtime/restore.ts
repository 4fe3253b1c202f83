import { reasonOf } from "../../errors.ts"
import { restoreSnapshot } from "../../firewall/restore/restore.ts"
import type { Effect } from "../machine/effect.ts"
import type { EffectEnd } from "../machine/event.ts"
import type { Snapshots } from "../state/snapshots.ts"

/** Puts a snapshot in force: all families and backends together, or not at all. */
export async function restore(
  snapshots: Snapshots,
  { task, snapshot }: Extract<Effect, { readonly type: "restore" }>,
): Promise<Extract<EffectEnd, { readonly type: "restored" }>> {
  const wanted = snapshots.get(snapshot)
  const none = { type: "restored", task, standing: [] } as const
  if (wanted === undefined) return { ...none, report: undefined }
  try {
    return {
      ...none,
      report: await restoreSnapshot(snapshots.deps, wanted, { folder: snapshots.restoreFolder }),
    }
  } catch (thrown) {
    const failures = [reasonOf(thrown)]
    return {
      ...none,
      report: { end: "put-back", ok: false, changed: false, failures, left: [], differences: [] },
    }
  }
}
