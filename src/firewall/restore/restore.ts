import type { SystemTools } from "../../system/process/system-tools.ts"
import { compareSnapshots } from "../snapshot/compare.ts"
import { countsLost, withCounters } from "../snapshot/counters.ts"
import { breathe, type SnapshotDeps } from "../snapshot/reading.ts"
import { type Snapshot, takeSnapshot } from "../snapshot/snapshot.ts"
import { planRestore } from "./plan/plan.ts"
import type { RestoreStep } from "./plan/steps.ts"
import type { RestoreReport } from "./report.ts"
import {
  interruptedRestores,
  removeRestoreFolder,
  runRestore,
  stepError,
  writeRestoreFolder,
} from "./restore-folder.ts"
import { renderRestore, type ScriptResult } from "./script.ts"
import { takenAway as takenAwayBy } from "./taken-away.ts"

export interface RestoreDeps extends SnapshotDeps {
  readonly system: SystemTools
}

export interface RestoreOptions {
  /** Its steps are written below this: the runtime folder (a tmpfs), made when missing. One restore runs in it at a time. */
  readonly folder: string
  /**
   * Takes the rules in force, when everything has been read and planned and before anything is changed. If it throws, the
   * restore ends with nothing changed.
   */
  readonly beforeChanging?: (inForce: Snapshot, takenAway: readonly string[]) => void
  /** Rules whose going is no news: those of a change that is reverted. */
  readonly known?: Snapshot | undefined
  /**
   * The counts that the rules begin with: those of the snapshot, or, where the same rule is in force already, its own up
   * to now. The snapshot's unless told.
   */
  readonly counters?: "snapshot" | "in force"
  /**
   * Makes the rules to restore out of those in force, where the snapshot is a part of them only; and, when they have been restored,
   * those that should be there by then. If it throws before, the restore ends with nothing changed; it must not throw after.
   */
  readonly onto?: ((inForce: Snapshot, when: "before" | "after") => Snapshot) | undefined
  /** The rules in force, where they are known for sure, as in a namespace that is new. They are read unless given. */
  readonly inForce?: Snapshot
  /** Tables that may be in force just like that, and need not be read again then: their counts are taken to be right. */
  readonly alike?: Pick<Snapshot, "nftTables">
}

/** The result of a restore, with the rules in force at its end, as they were read to find the differences. */
export interface Restored extends RestoreReport {
  readonly after: Snapshot
}

/**
 * Puts a snapshot back: everything that differs from it, all families and backends together or not at all, counters
 * included. What is there now and not in the snapshot is removed. From the first change on, a script in a session of
 * its own does it (see script.ts), so it ends as well when this process is killed.
 * @throws Fault when its steps cannot be written, and whatever `beforeChanging` throws; nothing has been changed then
 */
export async function restoreSnapshot(
  deps: RestoreDeps,
  snapshot: Snapshot,
  options: RestoreOptions,
): Promise<Restored> {
  const before = options.inForce ?? (await takeSnapshot(deps, "before a restore", options.alike))
  const target = options.onto?.(before, "before") ?? snapshot
  const wanted = options.counters === "in force" ? withCounters(target, before) : target
  await breathe()
  const forward = planRestore(before, wanted, deps.tools)
  if (forward.steps.length === 0) {
    const differences = compareSnapshots(target, before, "ignored")
    return {
      end: "nothing-to-do",
      ok: differences.length === 0,
      changed: false,
      failures: [],
      left: forward.left,
      differences,
      takenAway: [],
      after: before,
    }
  }
  await breathe()
  const takenAway = takenAwayBy(before, target, options.known)
  await breathe()
  const back = planRestore(target, before, deps.tools)
  options.beforeChanging?.(before, takenAway)
  const own = writeRestoreFolder(options.folder, renderRestore(forward.steps, back.steps, deps.system))
  // From here on it is known how it began only: nothing may be thrown that would be taken for "nothing was changed".
  const result = await runRestore(deps.run, deps.system, own)
  const failures = failuresOf(result, own, forward.steps, back.steps)
  // What was restored has another print than what was there: it is read in any case.
  const known = [...(options.alike?.nftTables ?? []), ...before.nftTables]
  const after = await takeSnapshot(deps, "after a restore", { nftTables: known })
  // What others have written while it ran is not ours to be compared.
  const reached = options.onto === undefined ? target : options.onto(after, "after")
  const differences = compareSnapshots(reached, after, "ignored")
  await breathe()
  const end = result?.end ?? "half"
  if (result !== undefined) removeRestoreFolder(own)
  return {
    end,
    ok: end === "restored" && differences.length === 0,
    changed: compareSnapshots(before, after, "ignored").length > 0,
    failures,
    left: [...forward.left, ...lostCounts(wanted, after, end === "restored")],
    differences,
    takenAway,
    after,
  }
}

/** Counters that have begun anew, a line each: nothing can set them, or the open has cleared them before anybody could read. */
function lostCounts(wanted: Snapshot, after: Snapshot, restored: boolean): RestoreReport["left"] {
  if (!restored) return []
  const began = (where: string, what: string): RestoreReport["left"][number] => {
    return { where: `counters of ${where}`, why: `${what} have begun to count anew` }
  }
  return [
    ...(wanted.uncounted ?? []).map((where) => began(where, "the policies")),
    ...countsLost(wanted, after).map((where) => began(where, "rules")),
  ]
}

/**
 * Sees restores through that were cut off together with their script (a service manager kills a whole group), in this
 * boot. To be called when a guard starts, before it looks at the rules.
 * @returns how each ended
 */
export async function finishInterruptedRestores(
  deps: RestoreDeps,
  options: RestoreOptions,
): Promise<("restored" | "put-back" | "half")[]> {
  const ends: ("restored" | "put-back" | "half")[] = []
  for (const own of interruptedRestores(options.folder)) {
    const result = await runRestore(deps.run, deps.system, own)
    ends.push(result?.end ?? "half")
    if (result !== undefined) removeRestoreFolder(own)
  }
  return ends
}

function failuresOf(
  result: ScriptResult | undefined,
  own: string,
  forward: readonly RestoreStep[],
  back: readonly RestoreStep[],
): string[] {
  if (result === undefined) return ["the restore was killed half-way"]
  const describe = (id: string, steps: readonly RestoreStep[], what: string): string =>
    `${steps[Number(id.slice(1))]?.label ?? id} ${what}: ${stepError(own, id)}`
  if (result.end === "restored") return []
  const failed = describe(result.failed, forward, "failed")
  if (result.end === "put-back") return [failed]
  return [failed, describe(result.failedBack, back, "could not be put back")]
}
