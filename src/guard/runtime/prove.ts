import { reasonOf } from "../../errors.ts"
import { proveRestorable } from "../../firewall/restore/prove.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { Effect } from "../machine/effect.ts"
import type { Snapshots } from "../state/snapshots.ts"

/**
 * Restores a snapshot in a throw-away namespace and says which tables would not come back as they were; from then on it is
 * held in the views that do. Slow (a second and more), so nobody waits for it.
 */
export async function prove(
  snapshots: Snapshots,
  { snapshot: ref, restore }: Extract<Effect, { readonly type: "prove" }>,
  emit: (outcome: Outcome) => void,
): Promise<void> {
  const snapshot = snapshots.get(ref)
  if (snapshot === undefined) return
  const tell = (event: string, message: string): void => emit({ event, code: "state-unknown", message })
  const { deps } = snapshots
  try {
    const proven = await proveRestorable({ ...deps, runHere: deps.run }, snapshot)
    for (const { table, why } of proven.proofs.filter((proof) => !proof.ok))
      tell("not-restorable", `${restore} would not bring back ${table}: ${why ?? "it differs"}`)
    snapshots.replace(ref, proven.snapshot)
  } catch (thrown) {
    tell("not-proven", `could not try ${restore} out: ${reasonOf(thrown)}`)
  }
}
