import { withoutSameTables } from "../../firewall/snapshot/nft/print.ts"
import { type NftTableCopy, tableId } from "../../firewall/snapshot/nft-table.ts"
import { isUnread } from "../../firewall/snapshot/reading.ts"
import type { Snapshot } from "../../firewall/snapshot/snapshot.ts"
import { canonicalIpset } from "../../firewall/snapshot/text/ipset.ts"
import { canonicalTable } from "../../firewall/snapshot/text/nft-canonical.ts"
import {
  canonicalSection,
  chainNameOf,
  isEmptySection,
  type SaveSection,
} from "../../firewall/snapshot/text/save-text.ts"
import { markedAlike } from "../../firewall/snapshot/written-sets.ts"
import { type LineChange, lineChanges } from "./line-changes.ts"

/** One line of what a change would do. */
export interface DifferenceLine {
  /** `table` opens a table or an IP set; `same` is a line around a change. */
  readonly kind: "table" | "same" | "added" | "removed"
  readonly text: string
}

/** The effect of a change, for people. */
export interface RulesDifference {
  readonly changed: boolean
  readonly lines: readonly DifferenceLine[]
}

/** How many lines in front of and behind a change are shown. */
const around = 2

/**
 * Compares the rules in force with those that would be: table by table, and of each only the chains and sets that change.
 * Counters, used quotas, what packets and time add to sets, and the order of tables, chains and elements are no
 * difference. What could not be read is passed over.
 */
export function differenceOf(before: Snapshot, candidate: Snapshot): RulesDifference {
  const [was, is] = markedAlike(...withoutSameTables(before, candidate))
  const [old, now] = [partsOf(was), partsOf(is)]
  const unread = [...before.unread, ...candidate.unread]
  const lines: DifferenceLine[] = []
  for (const where of [...new Set([...old.keys(), ...now.keys()])].sort()) {
    if (isUnread(unread, where)) continue
    const changes = partChanges(old.get(where), now.get(where))
    if (changes !== undefined) lines.push({ kind: "table", text: where }, ...changes)
  }
  return { changed: lines.length > 0, lines }
}

/**
 * The difference as lines for people: `+` and `-` in front, the same text for the same difference.
 * @param colour with the colours that a terminal has for it
 */
export function renderDifference(difference: RulesDifference, colour: boolean): string[] {
  return difference.lines.map(({ kind, text }) => {
    const [sign, code] = signs[kind]
    const line = `${sign}${escapeControls(text)}`
    return colour && code !== "" ? `\u001b[${code}m${line}\u001b[0m` : line
  })
}

const signs = {
  table: ["", "1"],
  same: ["  ", ""],
  added: ["+ ", "32"],
  removed: ["- ", "31"],
} as const

/** Comments and set elements came from somebody else; a terminal must not obey them. */
function escapeControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`
  })
}

/** A table or set as groups of lines: each chain, each set. In the views that there are, the one to show first. */
type Groups = ReadonlyMap<string, readonly string[]>
type Part = Partial<Record<"saved" | "listed", Groups>>

function partsOf({ ipsets, nftTables, legacyTables }: Snapshot): Map<string, Part> {
  const parts = new Map<string, Part>()
  for (const set of ipsets) {
    const [header = "", ...elements] = canonicalIpset(set, "ignored")
    const lines = [
      `create ${set.name} ${header}`,
      ...elements.map((one) => one.replace("holds", `add ${set.name}`)),
    ]
    parts.set(`ipset ${set.name}`, { listed: new Map([["", lines]]) })
  }
  for (const copy of nftTables) {
    const saved = copy.saved && { saved: groupsOf(savedThere(copy, copy.saved), chainOfEntry) }
    const listed = copy.listed && {
      listed: groupsOf(definitionsFirst(canonicalTable(copy.listed, "ignored")), blockOfEntry),
    }
    // The first is what people know the rules by.
    const inOrder = copy.view === "nft" ? { ...listed, ...saved } : { ...saved, ...listed }
    parts.set(`nft ${tableId(copy)}`, inOrder)
  }
  for (const { backend, section } of legacyTables)
    if (!isEmptySection(section))
      parts.set(`${backend} ${section.table}`, {
        saved: groupsOf(canonicalSection(section, "ignored"), chainOfEntry),
      })
  return parts
}

/** A save also names built-in chains that are not there. */
function savedThere({ listed }: NftTableCopy, saved: SaveSection): string[] {
  if (listed === undefined) return canonicalSection(saved, "ignored")
  const there = new Set(listed.blocks.flatMap(({ kind, name }) => (kind === "chain" ? [name] : [])))
  const chains = saved.chains.filter((line) => there.has(chainNameOf(line)))
  return canonicalSection({ ...saved, chains }, "ignored")
}

function groupsOf(entries: readonly string[], nameOf: (head: string) => string): Groups {
  const groups = new Map<string, string[]>()
  for (const entry of entries) {
    const [head = "", ...rest] = entry.split("\n")
    const name = nameOf(head)
    const lines = [head, ...rest.map((line) => (line.startsWith("-A ") ? line : `  ${line}`))]
    const own = groups.get(name)
    if (own === undefined) groups.set(name, lines)
    else own.push(...lines)
  }
  return groups
}

/** Sorts the definition of each set in front of its elements. */
function definitionsFirst(entries: readonly string[]): string[] {
  const isElement = (entry: string): number => (/^\S+ \S+ holds /.test(entry) ? 1 : 0)
  return entries.toSorted((a, b) => isElement(a) - isElement(b))
}

function chainOfEntry(head: string): string {
  return chainNameOf(head)
}

/** "chain INPUT", "set blocked", or "" for what a table says of itself. */
function blockOfEntry(head: string): string {
  if (head.startsWith("chain ")) return head
  return /^((?:ct )?\w+ [^\s:]+)(?::| holds )/.exec(head)?.[1] ?? ""
}

/** The changes in a table or set, in a view that both sides have; undefined when there are none. */
function partChanges(was: Part | undefined, is: Part | undefined): DifferenceLine[] | undefined {
  const names = Object.keys(is ?? was ?? {}) as (keyof Part)[]
  if (was === undefined || is === undefined) {
    const [name = "listed"] = names
    const groups = (was ?? is)?.[name] ?? new Map<string, string[]>()
    const kind = was === undefined ? "added" : "removed"
    const lines = [...groups.values()].flat()
    return (lines.length > 0 ? lines : ["(an empty table)"]).map((text) => ({ kind, text }))
  }
  for (const name of names) {
    const [old, now] = [was[name], is[name]]
    if (old === undefined || now === undefined) continue
    const changes = groupChanges(old, now)
    if (changes.length > 0) return changes
  }
  return undefined
}

function groupChanges(old: Groups, now: Groups): DifferenceLine[] {
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((name) => {
    const changes = lineChanges(old.get(name) ?? [], now.get(name) ?? [])
    return changes.every(({ kind }) => kind === "same") ? [] : nearChanges(changes)
  })
}

/** The head of a chain or set, and the lines that change with those around them. */
function nearChanges(changes: readonly LineChange[]): LineChange[] {
  const shown = new Set([0])
  changes.forEach(({ kind }, at) => {
    if (kind !== "same") for (let near = at - around; near <= at + around; near++) shown.add(near)
  })
  return changes.flatMap((change, at) => {
    if (shown.has(at)) return [change]
    return shown.has(at - 1) ? [{ kind: "same", text: "..." }] : []
  })
}
