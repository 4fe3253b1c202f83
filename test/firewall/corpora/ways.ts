import { join } from "node:path"
import { proveRestorable } from "../../../src/firewall/restore/prove.ts"
import type { RestoreReport } from "../../../src/firewall/restore/report.ts"
import { restoreSnapshot } from "../../../src/firewall/restore/restore.ts"
import { compareSnapshots } from "../../../src/firewall/snapshot/compare.ts"
import type { Difference } from "../../../src/firewall/snapshot/difference.ts"
import { type Snapshot, takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { loadSnapshot, saveSnapshot } from "../../../src/firewall/snapshot/store/store.ts"
import { firewallOf } from "../../support/firewall/lab-firewall.ts"
import { openAsGuard } from "../../support/firewall/open-as-guard.ts"
import { type RawViews, rawDifferences, rawViews } from "../../support/firewall/raw-views.ts"
import { openByHand } from "../../support/firewall/rulesets.ts"
import type { Host, Lab } from "../../support/lab/lab.ts"

/** The ways in which rules go and come back. */
export const ways = ["reset, undo", "flush, undo", "change, rollback"] as const
export type Way = (typeof ways)[number]

/** Lines that are not as they were, by the view that shows them. */
export type Differences = ReadonlyMap<string, readonly string[]>

/** The rules before anything is done to them, in all views. */
export interface Before {
  readonly raw: RawViews
  readonly own: Snapshot
  /** Proven, as a guard holds them from arming on. */
  readonly arming: Snapshot
  /** Tables and sets that the proof has found lost. */
  readonly lost: readonly string[]
}

export async function lookBefore(host: Host): Promise<Before> {
  const deps = firewallOf(host)
  const own = await takeSnapshot(deps, "arming")
  const { snapshot, proofs } = await proveRestorable(deps, own)
  const lost = proofs.filter(({ ok }) => !ok).map(({ table, why }) => `${table}: ${why}`)
  return { raw: rawViews(host), own, arming: snapshot, lost }
}

/**
 * Takes the rules of a host away in one of these ways, brings them back, and compares: what the proof and the report say, the
 * project's own comparison with counters, and all raw views.
 * @param other the rules that a change puts in force
 * @returns nothing where all is as it was
 */
export async function thereAndBack(
  lab: Lab,
  host: Host,
  way: Way,
  { before, other }: { readonly before: Before; readonly other: Snapshot },
): Promise<Differences> {
  const deps = firewallOf(host)
  const options = { folder: join(lab.folder, host.name) }
  const differences = new Map<string, readonly string[]>()
  const note = (view: string, lines: readonly string[]): void => {
    if (lines.length > 0) differences.set(view, lines)
  }

  note("proof", before.lost)
  let kept = before.arming
  if (way === "reset, undo") {
    const opened = await openAsGuard(host, before.arming)
    note("open", opened.faults)
    // Without a drop in force there was nothing to open: the rules still stand.
    if (opened.kept) kept = (await proveRestorable(deps, opened.kept)).snapshot
  } else if (way === "flush, undo") host.sh(openByHand)
  else note("change", faultsOf(await restoreSnapshot(deps, other, { ...options, counters: "in force" })))

  const stored = loadSnapshot(await saveSnapshot(join(lab.folder, "snapshots"), kept))
  note("report", faultsOf(await restoreSnapshot(deps, stored, options)))
  note("own comparison", linesOf(compareSnapshots(before.own, await takeSnapshot(deps, "after"), "exact")))
  for (const [view, lines] of rawDifferences(before.raw, rawViews(host))) note(view, lines)
  return differences
}

function faultsOf({ ok, end, failures, left, differences }: RestoreReport): string[] {
  if (ok && left.length === 0) return []
  return [
    `end: ${end}`,
    ...failures,
    ...left.map(({ where, why }) => `left: ${where}: ${why}`),
    ...linesOf(differences),
  ]
}

function linesOf(differences: readonly Difference[]): string[] {
  return differences.flatMap(({ where, kind, lines }) => [`${where}: ${kind}`, ...lines])
}
