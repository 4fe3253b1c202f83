import { type Difference, orderWhere } from "./difference.ts"
import { registeredChains, sharedPlaces } from "./hook-order.ts"
import { withoutSameTables } from "./nft/print.ts"
import { isAsleep, type NftTableCopy, nftWhere } from "./nft-table.ts"
import { isUnread } from "./reading.ts"
import type { Snapshot } from "./snapshot.ts"
import { canonicalIpset } from "./text/ipset.ts"
import { canonicalTable, type Moving } from "./text/nft-canonical.ts"
import { canonicalSection, isEmptySection } from "./text/save-text.ts"
import { markedAlike } from "./written-sets.ts"

/** A table or set by the name that differences use, as comparable lines, one list a view. */
interface Part {
  readonly views: readonly (readonly string[] | undefined)[]
  /** Of a table: its hooks are switched off; a listing by nft says so by itself. */
  readonly asleep?: boolean
  readonly listed?: boolean
}

/**
 * Compares two snapshots, table by table, in every view that both have. Order that decides nothing (of tables, chains,
 * elements) is not a difference; a legacy table without rules and with policies ACCEPT is the same as none.
 * @param moving `ignored` leaves out counters, used quotas, and what packets and time add to and take from sets
 */
export function compareSnapshots(one: Snapshot, other: Snapshot, moving: Moving): Difference[] {
  const [a, b] = markedAlike(one, other)
  const unread = new Map([...a.unread, ...b.unread].map(({ where, why }) => [where, why]))
  const [alone, others] = moving === "ignored" ? withoutSameTables(a, b) : [a, b]
  const left = partsOf(alone, moving)
  const right = partsOf(others, moving)
  const differences: Difference[] = []
  for (const where of new Set([...left.keys(), ...right.keys()])) {
    const [was, is] = [left.get(where), right.get(where)]
    if (was === undefined) {
      if (!isUnread(a.unread, where)) differences.push({ where, kind: "extra", lines: [] })
    } else if (is === undefined) {
      if (!isUnread(b.unread, where)) differences.push({ where, kind: "missing", lines: [] })
    } else if (!was.views.some((view, at) => view !== undefined && is.views[at] !== undefined))
      unread.set(where, "it was read in other ways that cannot be compared")
    else {
      const lines = was.views.flatMap((view, at) => lineDifference(view, is.views[at]))
      if ((was.listed && is.listed) !== true && was.asleep !== is.asleep)
        lines.push(hooksOf(was, "-"), hooksOf(is, "+"))
      if (lines.length > 0) differences.push({ where, kind: "differs", lines: lines.slice(0, 40) })
    }
  }
  differences.push(...orderDifferences(a, b))
  return [
    ...[...unread].map(([where, why]): Difference => ({ where, kind: "unread", lines: [why] })),
    ...differences,
  ]
}

/** Places at which the chains that both have run in another order. */
function orderDifferences(a: Snapshot, b: Snapshot): Difference[] {
  const [was, is] = [registeredChains(a), registeredChains(b)]
  return [...sharedPlaces(was)].flatMap(([place, chains]): Difference[] => {
    const others = is.get(place) ?? []
    const old = chains.filter((chain) => others.includes(chain))
    const now = others.filter((chain) => chains.includes(chain))
    if (old.join() === now.join()) return []
    const lines = [`- ${old.toReversed().join(", ")}`, `+ ${now.toReversed().join(", ")}`]
    return [{ where: orderWhere(place), kind: "differs", lines }]
  })
}

function partsOf(snapshot: Snapshot, moving: Moving): Map<string, Part> {
  const parts = new Map<string, Part>()
  for (const set of snapshot.ipsets) parts.set(`ipset ${set.name}`, { views: [canonicalIpset(set, moving)] })
  for (const table of snapshot.nftTables) parts.set(nftWhere(table), partOf(table, moving))
  for (const { backend, section } of snapshot.legacyTables)
    if (!isEmptySection(section))
      parts.set(`${backend} ${section.table}`, { views: [canonicalSection(section, moving)] })
  return parts
}

function partOf(table: NftTableCopy, moving: Moving): Part {
  const { listed, view } = table
  // Where nft restores it, its save prints what nft has made as something else, and differently each time.
  const saved = view === "nft" ? undefined : table.saved
  const views = [listed && canonicalTable(listed, moving), saved && canonicalSection(saved, moving)]
  return { views, asleep: isAsleep(table), listed: listed !== undefined }
}

function hooksOf(part: Part, sign: string): string {
  return `${sign} hooks ${part.asleep ? "off" : "on"}`
}

function lineDifference(a: readonly string[] | undefined, b: readonly string[] | undefined): string[] {
  if (a === undefined || b === undefined) return []
  const onlyIn = (these: readonly string[], those: readonly string[]): string[] => {
    const others = new Set(those)
    return these.filter((line) => !others.has(line))
  }
  const [removed, added] = [onlyIn(a, b), onlyIn(b, a)]
  return [...inFull(removed, added, "-"), ...inFull(added, removed, "+")]
}

/** Of a chain that differs (its head line, then its rules), the rules that the other side does not have. */
function inFull(these: readonly string[], those: readonly string[], sign: string): string[] {
  return these.flatMap((entry) => {
    const [head = "", ...rules] = entry.split("\n")
    const other = those.find((one) => one.split("\n")[0] === head)
    if (rules.length === 0 || other === undefined) return [head, ...rules].map((line) => `${sign} ${line}`)
    const others = new Set(other.split("\n").slice(1))
    const own = rules.filter((rule) => !others.has(rule))
    // Same rules, another order: say which chain.
    return (own.length > 0 ? own : ["(other order or number of rules)"]).map(
      (rule) => `${sign} ${head}: ${rule}`,
    )
  })
}
