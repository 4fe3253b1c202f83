import { withoutSameTables } from "../snapshot/nft/print.ts"
import { type NftTableCopy, nftWhere } from "../snapshot/nft-table.ts"
import { isUnread } from "../snapshot/reading.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import { canonicalIpset } from "../snapshot/text/ipset.ts"
import { canonicalTable } from "../snapshot/text/nft-canonical.ts"
import { canonicalSection, isEmptySection, type SaveSection } from "../snapshot/text/save-text.ts"
import { openMark } from "../tools/open-mark.ts"

/** The lines of a table or set, in each view of it that there is. */
interface Part {
  readonly saved?: readonly string[] | undefined
  readonly listed?: readonly string[] | undefined
  /** The view that has every rule of it. */
  readonly better: "saved" | "listed"
}

/**
 * The rules, chains, tables and elements that are in force and that a restore takes away, a line each with its table in
 * front. An open only removes rules and makes policies accept: behind one, all of these came since. Policies, counters, what
 * packets and time add to sets, and the traces of an open are left out, and so is whatever cannot be compared.
 * @param known rules that nobody has to be told of either: those of a change that is reverted
 */
export function takenAway(inForce: Snapshot, wanted: Snapshot, known?: Snapshot): string[] {
  const [there, then] = withoutSameTables(inForce, wanted)
  const stays = partsOf(then)
  const others = known === undefined ? new Map<string, Part>() : partsOf(known)
  return [...partsOf(there)].flatMap(([where, part]) => {
    if (isUnread(wanted.unread, where)) return []
    const lines = beyond(part, stays.get(where))
    const unknown = others.has(where) ? new Set(beyond(part, others.get(where))) : undefined
    return lines.filter((line) => unknown?.has(line) !== false).map((line) => `${where} ${line}`)
  })
}

function partsOf(snapshot: Snapshot): Map<string, Part> {
  const parts = new Map<string, Part>()
  for (const set of snapshot.ipsets)
    parts.set(`ipset ${set.name}`, { listed: setLines(canonicalIpset(set, "ignored")), better: "listed" })
  for (const table of snapshot.nftTables) if (!table.owned) parts.set(nftWhere(table), partOf(table))
  for (const { backend, section } of snapshot.legacyTables)
    if (!isEmptySection(section))
      parts.set(`${backend} ${section.table}`, { saved: savedLines(section), better: "saved" })
  return parts
}

function partOf({ listed, saved, view }: NftTableCopy): Part {
  return {
    saved: saved && savedLines(saved),
    listed: listed && canonicalTable(listed, "ignored").flatMap(listedLines),
    better: view === "iptables" ? "saved" : "listed",
  }
}

/** The set itself where it is new, then its elements. */
const setLines = ([header = "", ...elements]: readonly string[]): string[] => [`is ${header}`, ...elements]

/** `-N CHAIN` for a chain that somebody made, then its rules. */
function savedLines(section: SaveSection): string[] {
  return canonicalSection(section, "ignored").flatMap((chain) => {
    const [head = "", ...rules] = chain.split("\n")
    if (head.startsWith("-")) return [head, ...rules]
    const made = /^:(\S+) -$/.exec(head)?.[1]
    return made === undefined ? rules : [`-N ${made}`, ...rules]
  })
}

/** The same of a listing: a chain's declaration, with its policy, is no line of its own. */
function listedLines(entry: string): string[] {
  const [head = "", ...rest] = entry.split("\n")
  if (!head.startsWith("chain ")) return head.startsWith("flags ") ? [] : [head]
  const rules = rest.filter(
    (line) => !/^(type \S+ hook |policy )/.test(line) && !line.endsWith(`comment "${openMark}"`),
  )
  return [head, ...joined(rules).map((rule) => `${head}: ${rule}`)]
}

/** A rule that holds a chain of its own spans lines, which end with its brace. */
function joined(lines: readonly string[]): string[] {
  const rules: string[] = []
  let depth = 0
  for (const line of lines) {
    if (depth > 0) rules.push(`${rules.pop()} ${line.trim()}`)
    else rules.push(line)
    depth += line.split("{").length - line.split("}").length
  }
  return rules
}

/** The lines of one that the other does not have; of equal ones, those that are more. */
function beyond(part: Part, other: Part | undefined): string[] {
  const inView = ({ better, ...views }: Part, view: Part["better"]): readonly string[] | undefined =>
    views[view]
  const views = [part.better, "listed", "saved"] as const
  const view = views.find(
    (one) => inView(part, one) !== undefined && (other === undefined || inView(other, one) !== undefined),
  )
  if (view === undefined) return []
  const left = new Map<string, number>()
  for (const line of (other && inView(other, view)) ?? []) left.set(line, (left.get(line) ?? 0) + 1)
  return (inView(part, view) ?? []).filter((line) => {
    const there = left.get(line) ?? 0
    left.set(line, there - 1)
    return there <= 0
  })
}
