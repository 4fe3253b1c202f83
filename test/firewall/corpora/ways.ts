import { join } from "node:path"
import { armFirewall } from "../../../src/firewall/open/arm-firewall.ts"
import { beforeOpen } from "../../../src/firewall/open/rules-before-open.ts"
import { proveRestorable } from "../../../src/firewall/restore/prove.ts"
import type { RestoreReport } from "../../../src/firewall/restore/report.ts"
import { restoreSnapshot } from "../../../src/firewall/restore/restore.ts"
import { compareSnapshots } from "../../../src/firewall/snapshot/compare.ts"
import type { Difference } from "../../../src/firewall/snapshot/difference.ts"
import { nftWhere } from "../../../src/firewall/snapshot/nft-table.ts"
import { isUnread } from "../../../src/firewall/snapshot/reading.ts"
import { type Snapshot, takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { loadSnapshot, saveSnapshot } from "../../../src/firewall/snapshot/store/store.ts"
import { independentView } from "../../support/firewall/independent-views.ts"
import { firewallOf } from "../../support/firewall/lab-firewall.ts"
import { firewallDeps } from "../../support/firewall/on-host.ts"
import { openByHand } from "../../support/firewall/rulesets.ts"
import type { Host, Lab } from "../../support/lab/lab.ts"
import { rawDifferences, rawViews } from "./raw-views.ts"

/** The ways in which rules go and come back. */
export const ways = ["reset, undo", "flush, undo", "change, rollback"] as const
export type Way = (typeof ways)[number]

/** Lines that are not as they were, by the view that shows them. */
export type Differences = ReadonlyMap<string, readonly string[]>

/**
 * Takes the rules of a host away in one of these ways, brings them back, and compares: what the proof and the report say, the
 * project's own comparison with counters, the bytecode view of the tests, and all raw views.
 * @param other the rules that a change puts in force
 * @returns nothing where all is as it was
 */
export async function thereAndBack(lab: Lab, host: Host, way: Way, other: Snapshot): Promise<Differences> {
  const deps = firewallOf(host)
  const options = { folder: join(lab.folder, host.name) }
  const [raw, independent] = [rawViews(host), independentView(host)]
  const own = await takeSnapshot(deps, "arming")
  const differences = new Map<string, string[]>()
  const note = (view: string, lines: readonly string[]): void => {
    if (lines.length > 0) differences.set(view, [...(differences.get(view) ?? []), ...lines])
  }

  const arming = await proveRestorable(deps, own)
  const lost = arming.proofs.filter(({ ok }) => !ok)
  note(
    "proof",
    lost.map(({ table, why }) => `${table}: ${why}`),
  )
  let kept = arming.snapshot
  if (way === "reset, undo") {
    const opened = await open(host, arming.snapshot)
    note("open", opened.faults)
    // Without a drop in force there was nothing to open: the rules still stand.
    kept = opened.kept ? (await proveRestorable(deps, opened.kept)).snapshot : arming.snapshot
  } else if (way === "flush, undo") host.sh(openByHand)
  else note("change", faultsOf(await restoreSnapshot(deps, other, { ...options, counters: "in force" })))

  const stored = loadSnapshot(await saveSnapshot(join(lab.folder, "snapshots"), kept))
  note("report", faultsOf(await restoreSnapshot(deps, stored, options)))
  note("own comparison", linesOf(compareSnapshots(own, await takeSnapshot(deps, "after"), "exact")))
  for (const [, lines] of rawDifferences(
    new Map([["", independent]]),
    new Map([["", independentView(host)]]),
  ))
    note("bytecode", lines)
  for (const [view, lines] of rawDifferences(raw, rawViews(host))) note(view, lines)
  return differences
}

/** Opens as the guard does: what arming has proven to be lost sleeps on. */
async function open(
  host: Host,
  arming: Snapshot,
): Promise<{ kept: Snapshot | undefined; faults: readonly string[] }> {
  const firewall = await armFirewall(firewallDeps(host))
  try {
    const committed = await firewall.commit({ scope: "all", hard: false })
    const opened = await firewall.opened("all")
    const kept = opened && beforeOpen(await takeSnapshot(firewallOf(host), "open"), opened)
    const hopeless = arming.nftTables.filter(({ view }) => view === "none").map(nftWhere)
    const settled = await firewall.settle("all", ({ family, table }) => {
      const where = nftWhere({ family, name: table })
      return hopeless.includes(where) || isUnread(kept?.unread ?? [], where)
    })
    const dropping = settled.stillDropping.map(({ backend, where }) => `still dropping: ${backend}: ${where}`)
    return { kept, faults: [...committed.failures, ...settled.failures, ...dropping] }
  } finally {
    firewall.close()
  }
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
