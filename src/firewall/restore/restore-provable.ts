import type { Snapshot } from "../snapshot/snapshot.ts"
import { type ProveDeps, proveRestorable } from "./prove.ts"
import type { RestoreReport } from "./report.ts"
import { type RestoreOptions, restoreSnapshot } from "./restore.ts"

/**
 * Restores a snapshot; where that fails and everything went back, finds out by a proof which tables and sets are the reason, and
 * restores all others. One bad table keeps no other from coming back.
 * @returns the report of the last try, and the snapshot as it is proven by then
 * @throws as {@link restoreSnapshot}; nothing has been changed then
 */
export async function restoreProvable(
  deps: ProveDeps,
  snapshot: Snapshot,
  options: RestoreOptions,
): Promise<{ readonly report: RestoreReport; readonly snapshot: Snapshot }> {
  const report = await restoreSnapshot(deps, snapshot, options)
  if (report.end !== "put-back") return { report, snapshot }
  const proven = await prove(deps, snapshot)
  if (proven === undefined || !tellsMore(proven, snapshot)) return { report, snapshot }
  return { report: await restoreSnapshot(deps, proven, options), snapshot: proven }
}

/** Undefined where no namespace can be made for it. */
async function prove(deps: ProveDeps, snapshot: Snapshot): Promise<Snapshot | undefined> {
  try {
    return (await proveRestorable(deps, snapshot)).snapshot
  } catch {
    return undefined
  }
}

/** True when a restore would do something else by now. */
function tellsMore(proven: Snapshot, before: Snapshot): boolean {
  const views = ({ nftTables }: Snapshot): string => nftTables.map(({ view }) => view).join()
  const count = ({ hopeless }: Snapshot): number => hopeless?.length ?? 0
  return views(proven) !== views(before) || count(proven) !== count(before)
}
