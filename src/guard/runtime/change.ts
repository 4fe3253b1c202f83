import { rmSync } from "node:fs"
import { Fault, reasonOf } from "../../errors.ts"
import { type Rebased, rebase } from "../../firewall/merge/rebase.ts"
import { proveRestorable, proveTouched } from "../../firewall/restore/prove.ts"
import type { RestoreReport } from "../../firewall/restore/report.ts"
import { restoreSnapshot } from "../../firewall/restore/restore.ts"
import { takenAway } from "../../firewall/restore/taken-away.ts"
import { compareSnapshots } from "../../firewall/snapshot/compare.ts"
import { sameTables } from "../../firewall/snapshot/nft/print.ts"
import { breathe } from "../../firewall/snapshot/reading.ts"
import { refuseUnread } from "../../firewall/snapshot/refuse-unread.ts"
import { type Snapshot, takeSnapshot } from "../../firewall/snapshot/snapshot.ts"
import { loadSnapshot } from "../../firewall/snapshot/store/store.ts"
import { someOf } from "../../report/listing.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { ReadConnections } from "../../system/network/tcp-connections.ts"
import { connectionKey } from "../../wire/tcp-connection.ts"
import type { Effect } from "../machine/effect.ts"
import type { ChangeOrder, EffectEnd } from "../machine/event.ts"
import { refusal, unexpected } from "../machine/outcomes/change.ts"
import type { SnapshotRef } from "../machine/record.ts"
import type { Snapshots } from "../state/snapshots.ts"

type Of<Type extends Effect["type"]> = Extract<Effect, { readonly type: Type }>
type End<Type extends EffectEnd["type"]> = Extract<EffectEnd, { readonly type: Type }>

/** The rules that the change is about are not those that it was rehearsed with: somebody else writes them too. */
class RacedFault extends Fault {
  constructor(conflicts: readonly string[], lines: { readonly ours: string; readonly theirs: string }) {
    const where = conflicts.join(", ")
    super(
      "refused",
      `what this would change has changed since the rehearsal: ${where} (here: ${lines.ours}; by others: ${lines.theirs})`,
      { hint: "nothing was changed; look at who else writes rules here, and try again" },
    )
  }
}

/** Reads both sides of a change, and tries out that the one in force now would come back. Changes nothing. */
export async function prepare(
  snapshots: Snapshots,
  { order }: Of<"prepare">,
): Promise<End<"prepared"> | End<"prepare-refused">> {
  const { id } = order
  try {
    return { type: "prepared", id, sides: await sidesOf(snapshots, order) }
  } catch (thrown) {
    return { type: "prepare-refused", id, outcome: refusedBy(id, thrown) }
  }
}

/**
 * @throws RacedFault; Fault `refused` naming the tables that would not come back, or when a file cannot be trusted
 */
async function sidesOf(
  snapshots: Snapshots,
  { candidate, rehearsed, force }: ChangeOrder,
): Promise<{ before: SnapshotRef; candidate: SnapshotRef }> {
  const [wanted, expected] = [takeFile(candidate), takeFile(rehearsed)]
  // What the change does not touch need not be read again.
  const now = await takeSnapshot(snapshots.deps, "before a change", sameTables(expected, wanted))
  refuseUnread(now)
  const merged = rebase(expected, wanted, now, "refuse")
  refuseRace(merged, { base: expected, ours: wanted, theirs: now })
  await breathe()
  const touched = new Set(compareSnapshots(now, merged.snapshot, "ignored").map(({ where }) => where))
  const proven = await prove(snapshots, now, touched, force)
  const lost = proven.proofs.filter(({ ok, table }) => !ok && touched.has(table))
  if (lost.length > 0 && !force) {
    const which = lost.map(({ table, why }) => `${table}: ${why ?? "it differs"}`)
    throw new Fault("refused", `a rollback would not bring back ${which.join("; ")}`, {
      hint: "nothing was changed; --force changes them all the same",
    })
  }
  const before = await snapshots.save(proven.snapshot)
  if (before.path === "" && !force)
    throw new Fault(
      "refused",
      "the rules to go back to cannot be kept on disk: a killed guard would lose them",
      { hint: "nothing was changed; make room on the disk, or --force" },
    )
  return { before, candidate: await snapshots.save({ ...merged.snapshot, reason: "change" }) }
}

async function prove(
  { deps }: Snapshots,
  now: Snapshot,
  touched: ReadonlySet<string>,
  force: boolean,
): ReturnType<typeof proveTouched> {
  try {
    return await proveTouched({ ...deps, runHere: deps.run }, now, touched)
  } catch (thrown) {
    if (force) return { snapshot: now, proofs: [] }
    throw new Fault("refused", `could not try out the revert: ${reasonOf(thrown)}`, {
      hint: "nothing was changed; --force goes without",
    })
  }
}

/** Puts the candidate in force, whole or not at all, unless other rules are in force by then than those before it. */
export async function apply(
  snapshots: Snapshots,
  connections: ReadConnections,
  { task, id, before, candidate }: Of<"apply">,
): Promise<End<"restored"> | End<"apply-refused">> {
  try {
    const [from, to] = [snapshots.get(before), snapshots.get(candidate)]
    if (from === undefined || to === undefined) throw new Error("its rules are lost")
    const report = await restoreSnapshot(snapshots.deps, to, {
      folder: snapshots.restoreFolder,
      // What the rehearsal has seen is some seconds old.
      counters: "in force",
      alike: sameTables(from, to),
      onto(inForce, when) {
        const merged = rebase(from, to, inForce, "refuse")
        if (when === "before") refuseRace(merged, { base: from, ours: to, theirs: inForce })
        return merged.snapshot
      },
    })
    const standing = connections().map(connectionKey)
    return { type: "restored", task, report: await withLosses(snapshots, report, to), standing }
  } catch (thrown) {
    return { type: "apply-refused", task, outcome: refusedBy(id, thrown) }
  }
}

/**
 * Tells what the tools lose by themselves from what somebody else has written at the same moment: what does not come back in a
 * throw-away namespace either is nobody's doing.
 */
async function withLosses(
  { deps }: Snapshots,
  report: RestoreReport,
  candidate: Snapshot,
): Promise<RestoreReport> {
  if (report.end !== "restored" || unexpected(report).length === 0) return report
  try {
    const { proofs } = await proveRestorable({ ...deps, runHere: deps.run }, candidate)
    const lost = new Set(proofs.filter(({ ok }) => !ok).map(({ table }) => table))
    return { ...report, lossy: unexpected(report).filter((where) => lost.has(where)) }
  } catch {
    return report
  }
}

/** Nothing was changed, because of a fault. */
function refusedBy(id: string, thrown: unknown): Outcome {
  const event = thrown instanceof RacedFault ? "raced" : "apply-refused"
  if (!(thrown instanceof Fault))
    return refusal(event, `could not change the rules: ${reasonOf(thrown)}`, "nothing was changed", { id })
  const { code, message, hint } = thrown
  return { event, code, message, ...(hint === undefined ? {} : { hint }), facts: { id, changed: false } }
}

/** Reads a file once; it is not needed again. */
function takeFile(path: string): Snapshot {
  const snapshot = loadSnapshot(path)
  rmSync(path, { force: true })
  return snapshot
}

function refuseRace({ conflicts }: Rebased, { base, ours, theirs }: Sides): void {
  if (conflicts.length === 0) return
  const lines = { ours: changesOf(conflicts, base, ours), theirs: changesOf(conflicts, base, theirs) }
  throw new RacedFault(conflicts, lines)
}

type Sides = Readonly<Record<"base" | "ours" | "theirs", Snapshot>>

/** The lines that one side has changed in what cannot be merged. */
function changesOf(conflicts: readonly string[], base: Snapshot, side: Snapshot): string {
  const isOfThem = (line: string): boolean =>
    conflicts.some((where) => {
      const [table, name] = [where.slice(0, where.lastIndexOf(" ")), where.slice(where.lastIndexOf(" ") + 1)]
      return (
        line.startsWith(`${where} `) || (line.startsWith(`${table} `) && line.split(/[\s:]+/).includes(name))
      )
    })
  const lines = [
    ...takenAway(side, base)
      .filter(isOfThem)
      .map((line) => `+ ${line}`),
    ...takenAway(base, side)
      .filter(isOfThem)
      .map((line) => `- ${line}`),
  ]
  return lines.length === 0 ? "a policy, or an order" : someOf(lines)
}
