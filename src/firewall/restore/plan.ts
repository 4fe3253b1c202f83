import { compareSnapshots } from "../snapshot/compare.ts"
import { legacyBuiltinChains } from "../snapshot/legacy-tables.ts"
import { expectedChains, type NftTableCopy, nftWhere, tableId } from "../snapshot/nft-table.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import {
  emptySection,
  renderSection,
  renderSectionCountersBehind,
  type SaveSection,
} from "../snapshot/text/save-text.ts"
import {
  type Family,
  families,
  isIpFamily,
  type LegacyBackend,
  type ToolPaths,
  toolName,
} from "../tools/table.ts"
import { ipsetSteps, planIpsets, usersOf } from "./ipset-steps.ts"
import { nftInPlace } from "./nft-in-place.ts"
import { nftAmongSaved, nftDelete, nftSleep, nftToRestore, sectionToRestore } from "./nft-table-text.ts"
import {
  type Leave,
  type LegacyChanges,
  labelOf,
  legacySteps,
  type NftChanges,
  type RestoreStep,
} from "./steps.ts"

export interface RestorePlan {
  readonly steps: readonly RestoreStep[]
  /** Differences that no step takes away, and why. */
  readonly left: readonly { readonly where: string; readonly why: string }[]
}

/**
 * The steps that turn what `from` describes into what `to` describes. Only what differs is touched. Sets first (a rule
 * that names a missing set makes its whole restore fail), then the tables that only iptables-nft can load (a
 * transaction each), then everything else of nf_tables in one transaction, then legacy, then sets nobody needs any more.
 */
export function planRestore(from: Snapshot, to: Snapshot, tools: ToolPaths): RestorePlan {
  const left: { where: string; why: string }[] = []
  const leave: Leave = (where, why) => left.push({ where, why })
  const differing = new Set<string>()
  for (const { where, kind, lines } of compareSnapshots(to, from, "ignored"))
    if (kind === "unread") leave(where, lines.join(" "))
    else differing.add(where)

  const sets = planIpsets(from, to, differing)
  // Rules that use a set which changes its type have to be loaded anew, even where they read the same.
  const released = new Set(usersOf(sets.retyped, from, to))
  for (const where of released) differing.add(where)
  const nft = nftChanges(from, to, { differing, released }, leave)
  const legacy = legacyChanges(from, to, differing)
  const { before, after } = ipsetSteps(sets, { from, to, nft, legacy, tools, leave })
  return {
    steps: [...before, ...nftSteps(nft, tools, leave), ...legacySteps(legacy, tools, leave), ...after],
    left,
  }
}

function nftChanges(
  from: Snapshot,
  to: Snapshot,
  { differing, released }: Record<"differing" | "released", ReadonlySet<string>>,
  leave: Leave,
): NftChanges {
  const isTouchable = (copy: NftTableCopy): boolean => {
    const where = nftWhere(copy)
    if (!differing.has(where)) return false
    const owned = [...from.nftTables, ...to.nftTables].some((one) => one.owned && nftWhere(one) === where)
    if (owned) leave(where, "a running program owns this table (flags owner), nothing else may change it")
    else if (copy.view === "none") leave(where, copy.why ?? "no view of it can be loaded")
    return !owned && copy.view !== "none"
  }
  const kept = new Set(to.nftTables.map(tableId))
  const gone = from.nftTables.filter((copy) => !kept.has(tableId(copy)))
  const restore = to.nftTables.filter(isTouchable)
  const inPlace = restore.flatMap((copy): [string, string][] => {
    const there = from.nftTables.find((one) => tableId(one) === tableId(copy))
    // One whose sets change their type is not there any more when this runs.
    const isThere = there !== undefined && !released.has(nftWhere(copy))
    const text = isThere ? nftInPlace(there, copy) : undefined
    return text === undefined ? [] : [[tableId(copy), text]]
  })
  return {
    restore,
    inPlace: new Map(inPlace),
    // What cannot be restored can still be removed.
    remove: gone.map((copy) => ({ ...copy, view: "nft" as const })).filter(isTouchable),
  }
}

function nftSteps({ restore, remove, inPlace }: NftChanges, tools: ToolPaths, leave: Leave): RestoreStep[] {
  const steps: RestoreStep[] = []
  for (const family of families) {
    const sections = restore
      .filter((copy) => copy.family === family)
      .flatMap((copy) => sectionToRestore(copy) ?? [])
    const emptied = tools.nft === undefined ? remove.filter((copy) => copy.family === family) : []
    sections.push(...emptied.map((copy) => emptySection(copy.name, expectedChains(copy) ?? [])))
    if (sections.length > 0) steps.push(...saveStep(family, sections, tools, leave))
  }
  if (tools.nft === undefined) return steps
  const transaction = [
    ...remove.map(nftDelete),
    ...restore.map((copy) => inPlace.get(tableId(copy)) ?? nftToRestore(copy, expectedChains(copy) ?? [])),
  ]
  const load = { command: [tools.nft, "-f", "{file}"], mayFail: false }
  const among = restore.map(nftAmongSaved).join("")
  if (among !== "") steps.push({ label: "nftables, rules among those of iptables", input: among, ...load })
  const main = transaction.join("")
  if (main !== "") steps.push({ label: "nftables", input: main, ...load })
  const sleep = restore.map(nftSleep).join("")
  if (sleep !== "") steps.push({ label: "nftables, dormant tables", input: sleep, ...load })
  return steps
}

function saveStep(family: Family, sections: SaveSection[], tools: ToolPaths, leave: Leave): RestoreStep[] {
  const path = tools[toolName("nft", family, "restore")]
  if (path === undefined) {
    for (const { table } of sections)
      leave(`nft ${family} ${table}`, "the tool that could load it is missing")
    return []
  }
  const [args, render] = isIpFamily(family) ? [["-c"], renderSection] : [[], renderSectionCountersBehind]
  return [
    {
      label: labelOf(path, sections),
      command: [path, ...args],
      input: sections.map(render).join(""),
      mayFail: false,
    },
  ]
}

function legacyChanges(from: Snapshot, to: Snapshot, differing: ReadonlySet<string>): LegacyChanges {
  const changes = new Map<LegacyBackend, SaveSection[]>()
  const add = (backend: LegacyBackend, section: SaveSection): void => {
    changes.set(backend, [...(changes.get(backend) ?? []), section])
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
