import { compareSnapshots } from "../../snapshot/compare.ts"
import { legacyBuiltinChains } from "../../snapshot/legacy-tables.ts"
import type { Snapshot } from "../../snapshot/snapshot.ts"
import { chainNameOf, emptySection, type SaveSection } from "../../snapshot/text/save-text.ts"
import { markedAlike } from "../../snapshot/written-sets.ts"
import type { LegacyBackend, ToolPaths } from "../../tools/table.ts"
import { ipsetSteps, planIpsets, usersOf } from "./ipset-steps.ts"
import { nftChanges, nftSteps, wakeSteps } from "./nft-changes.ts"
import { sectionInPlace } from "./section-in-place.ts"
import { type Leave, type LegacyChange, type LegacyChanges, legacySteps, type RestoreStep } from "./steps.ts"

export interface RestorePlan {
  readonly steps: readonly RestoreStep[]
  /** Differences that no step takes away, and why. */
  readonly left: readonly { readonly where: string; readonly why: string }[]
}

/**
 * The steps that turn what is in force into what is wanted. Only what differs is touched. Sets first (a rule
 * that names a missing set makes its whole restore fail), then the tables that only iptables-nft can load (a
 * transaction each), then everything else of nf_tables in one transaction, then legacy, then sets nobody needs any more.
 */
export function planRestore(inForce: Snapshot, wanted: Snapshot, tools: ToolPaths): RestorePlan {
  const [from, to] = markedAlike(inForce, wanted)
  const left: { where: string; why: string }[] = []
  const leave: Leave = (where, why) => left.push({ where, why })
  const differing = new Set<string>()
  for (const { where, kind, lines } of compareSnapshots(to, from, "ignored"))
    if (kind === "unread") leave(where, lines.join(" "))
    else differing.add(where)
  for (const { where, why } of to.hopeless ?? []) if (differing.delete(where)) leave(where, why)

  const sets = planIpsets(from, to, differing)
  // Rules that use a set which changes its type have to be loaded anew, even where they read the same.
  const released = new Set(usersOf(sets.retyped, from, to))
  for (const where of released) differing.add(where)
  const nft = nftChanges(from, to, { differing, released }, leave)
  const legacy = legacyChanges(from, to, { differing, released })
  const { before, after } = ipsetSteps(sets, { from, to, nft, legacy, tools, leave })
  return {
    steps: [
      ...before,
      ...nftSteps(nft, tools, leave),
      ...legacySteps(legacy, tools, leave),
      ...wakeSteps(from, to, nft, tools),
      ...after,
    ],
    left,
  }
}

function legacyChanges(
  from: Snapshot,
  to: Snapshot,
  { differing, released }: Record<"differing" | "released", ReadonlySet<string>>,
): LegacyChanges {
  const changes = new Map<LegacyBackend, LegacyChange[]>()
  const add = (backend: LegacyBackend, section: SaveSection): void => {
    const there = from.legacyTables.find(
      (one) => one.backend === backend && one.section.table === section.table,
    )
    // One whose sets change their type is another one by then.
    const isThere = there !== undefined && !released.has(`${backend} ${section.table}`)
    const change = isThere
      ? {
          section,
          inPlace: sectionInPlace(there.section, section, there.section.chains.map(chainNameOf), "all"),
        }
      : { section }
    changes.set(backend, [...(changes.get(backend) ?? []), change])
  }
  const kept = new Set(to.legacyTables.map(({ backend, section }) => `${backend} ${section.table}`))
  for (const { backend, section } of to.legacyTables)
    if (differing.has(`${backend} ${section.table}`)) add(backend, section)
  for (const { backend, section } of from.legacyTables) {
    const where = `${backend} ${section.table}`
    if (differing.has(where) && !kept.has(where))
      add(backend, emptySection(section.table, legacyBuiltinChains(backend, section.table)))
  }
  return changes
}
