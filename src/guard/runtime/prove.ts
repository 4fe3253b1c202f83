import { reasonOf } from "../../errors.ts"
import { proveRestorable } from "../../firewall/restore/prove.ts"
import type { Effect } from "../machine/effect.ts"
import type { EffectEnd } from "../machine/event.ts"
import type { Snapshots } from "../state/snapshots.ts"

/**
 * Restores a snapshot in a throw-away namespace and says which tables would not come back as they were; from then on it is
 * held in the views that do. Slow (a second and more), so nobody waits for it.
 */
export async function prove(
  snapshots: Snapshots,
  { snapshot: ref, restore }: Extract<Effect, { readonly type: "prove" }>,
): Promise<Extract<EffectEnd, { readonly type: "proven" }>> {
  const end = { type: "proven", snapshot: ref, restore } as const
  const snapshot = snapshots.get(ref)
  if (snapshot === undefined) return { ...end, lost: [], failure: undefined }
  const { deps } = snapshots
  try {
    const proven = await proveRestorable({ ...deps, runHere: deps.run }, snapshot)
    snapshots.replace(ref, proven.snapshot)
    const lost = proven.proofs.filter(({ ok }) => !ok)
    return {
      ...end,
      lost: lost.map(({ table, why }) => `${table}: ${why ?? "it differs"}`),
      failure: undefined,
    }
  } catch (thrown) {
    return { ...end, lost: [], failure: reasonOf(thrown) }
  }
}
