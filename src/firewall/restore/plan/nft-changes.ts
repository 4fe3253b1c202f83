import { orderWhere } from "../../snapshot/difference.ts"
import { expectedChains, isAsleep, type NftTableCopy, nftWhere, tableId } from "../../snapshot/nft-table.ts"
import type { Snapshot } from "../../snapshot/snapshot.ts"
import {
  emptySection,
  renderSection,
  renderSectionCountersBehind,
  type SaveSection,
} from "../../snapshot/text/save-text.ts"
import { type Family, families, isIpFamily, type ToolPaths, toolName } from "../../tools/table.ts"
import { nftInPlace } from "./nft-in-place.ts"
import { nftAmongSaved, nftDelete, nftSleep, nftToRestore, sectionToRestore } from "./nft-table-text.ts"
import { inOrder } from "./registration.ts"
import { saveInPlace } from "./save-in-place.ts"
import { type Leave, labelOf, type RestoreStep } from "./steps.ts"

/** nf_tables tables to be restored, and those to be removed. */
export interface NftChanges {
  /** Those that differ, and those that have to be made anew for their place at a hook. */
  readonly restore: readonly NftTableCopy[]
  readonly remove: readonly NftTableCopy[]
  /** By "ip filter", the text for those that are there already and differ only in their rules. */
  readonly inPlace: ReadonlyMap<string, string>
  /** The tables made anew by nft ahead of those of iptables. */
  readonly first: ReadonlySet<string>
}

/** The tables of nf_tables that have to change, each in the way that disturbs least. */
export function nftChanges(
  from: Snapshot,
  to: Snapshot,
  { differing, released }: Record<"differing" | "released", ReadonlySet<string>>,
  leave: Leave,
): NftChanges {
  const isOwned = (where: string): boolean =>
    [...from.nftTables, ...to.nftTables].some((one) => one.owned && nftWhere(one) === where)
  const isTouchable = (copy: NftTableCopy): boolean => {
    const where = nftWhere(copy)
    if (!differing.has(where)) return false
    if (isOwned(where))
      leave(where, "a running program owns this table (flags owner), nothing else may change it")
    else if (copy.view === "none") leave(where, copy.why ?? "no view of it can be loaded")
    return !isOwned(where) && copy.view !== "none"
  }
  const kept = new Set(to.nftTables.map(tableId))
  const gone = from.nftTables.filter((copy) => !kept.has(tableId(copy)))
  const differ = to.nftTables.filter(isTouchable)
  const inPlace = new Map(
    differ.flatMap((copy): [string, string][] => {
      const there = from.nftTables.find((one) => tableId(one) === tableId(copy))
      // One whose sets change their type is not there any more when this runs.
      const isThere = there !== undefined && !released.has(nftWhere(copy))
      const text = isThere ? (nftInPlace(there, copy) ?? saveInPlace(there, copy)) : undefined
      return text === undefined ? [] : [[tableId(copy), text]]
    }),
  )
  const anew = differ.filter((copy) => !inPlace.has(tableId(copy)))
  const { first, saves, last, lost } = inOrder(
    from,
    to,
    { saves: anew.filter(isSave), last: anew.filter((copy) => !isSave(copy)) },
    (table) => {
      const copy = to.nftTables.find((one) => tableId(one) === table)
      const there = from.nftTables.find((one) => tableId(one) === table)
      if (copy === undefined || copy.view === "none" || isOwned(nftWhere(copy))) return undefined
      if ((to.hopeless ?? []).some(({ where }) => where === nftWhere(copy))) return undefined
      // As it should be already: with what packets have added to it since.
      const isRight = there?.view === copy.view && !differing.has(nftWhere(copy))
      return isRight ? there : copy
    },
  )
  for (const { where, why } of lost) leave(orderWhere(where), why)
  const made = [...first, ...saves, ...last]
  for (const copy of made) inPlace.delete(tableId(copy))
  return {
    restore: [...made, ...differ.filter((copy) => inPlace.has(tableId(copy)))],
    inPlace,
    first: new Set(first.map(tableId)),
    // What cannot be restored can still be removed.
    remove: gone.map((copy) => ({ ...copy, view: "nft" as const })).filter(isTouchable),
  }
}

function isSave({ view }: NftTableCopy): boolean {
  return view === "iptables" || view === "both"
}

/**
 * The steps that change nf_tables: tables that only iptables and its kin can load by these, a transaction each; all others by
 * one transaction of nft, or by two, where some have to be registered ahead of those of iptables.
 */
export function nftSteps(
  { restore, remove, inPlace, first }: NftChanges,
  tools: ToolPaths,
  leave: Leave,
): RestoreStep[] {
  const steps: RestoreStep[] = []
  const textOf = (copy: NftTableCopy): string =>
    inPlace.has(tableId(copy)) && !isSave(copy)
      ? (inPlace.get(tableId(copy)) ?? "")
      : nftToRestore(copy, expectedChains(copy) ?? [])
  const load = { command: [tools.nft ?? "", "-f", "{file}"], mayFail: false }
  const early = restore
    .filter((copy) => first.has(tableId(copy)))
    .map(textOf)
    .join("")
  if (early !== "" && tools.nft !== undefined)
    steps.push({ label: "nftables, tables that come first", input: early, ...load })
  for (const family of families) {
    const own = restore.filter((copy) => copy.family === family && isSave(copy))
    const whole = own
      .filter((copy) => !inPlace.has(tableId(copy)))
      .flatMap((copy) => sectionToRestore(copy) ?? [])
    const emptied = tools.nft === undefined ? remove.filter((copy) => copy.family === family) : []
    whole.push(...emptied.map((copy) => emptySection(copy.name, expectedChains(copy) ?? [])))
    steps.push(
      ...saveStep(
        family,
        whole,
        own.filter((copy) => inPlace.has(tableId(copy))),
        inPlace,
        tools,
        leave,
      ),
    )
  }
  if (tools.nft === undefined) return steps
  const among = restore.map(nftAmongSaved).join("")
  if (among !== "") steps.push({ label: "nftables, rules among those of iptables", input: among, ...load })
  const others = restore.filter((copy) => !first.has(tableId(copy)))
  const main = [...remove.map(nftDelete), ...others.map(textOf)].join("")
  if (main !== "") steps.push({ label: "nftables", input: main, ...load })
  const sleep = restore.map(nftSleep).join("")
  if (sleep !== "") steps.push({ label: "nftables, dormant tables", input: sleep, ...load })
  return steps
}

function saveStep(
  family: Family,
  whole: readonly SaveSection[],
  changed: readonly NftTableCopy[],
  inPlace: ReadonlyMap<string, string>,
  tools: ToolPaths,
  leave: Leave,
): RestoreStep[] {
  const path = tools[toolName("nft", family, "restore")]
  if (path === undefined) {
    for (const table of [...whole.map((section) => section.table), ...changed.map(({ name }) => name)])
      leave(`nft ${family} ${table}`, "the tool that could load it is missing")
    return []
  }
  const [args, render] = isIpFamily(family) ? [["-c"], renderSection] : [[], renderSectionCountersBehind]
  const label = (names: readonly string[]): string => labelOf(path, names)
  const steps: RestoreStep[] = []
  if (whole.length > 0)
    steps.push({
      label: label(whole.map(({ table }) => table)),
      command: [path, ...args],
      input: whole.map(render).join(""),
      mayFail: false,
    })
  if (changed.length > 0)
    steps.push({
      label: label(changed.map(({ name }) => name)),
      command: [path, ...args, "--noflush"],
      input: changed.map((copy) => inPlace.get(tableId(copy)) ?? "").join(""),
      mayFail: false,
    })
  return steps
}

/**
 * Tables that sleep and should not, and that nothing else here wakes: those that cannot be read, or that no view restores, are
 * put to sleep by an open, and are awake again behind an undo.
 */
export function wakeSteps(
  from: Snapshot,
  to: Snapshot,
  { restore, remove }: NftChanges,
  tools: ToolPaths,
): RestoreStep[] {
  if (tools.nft === undefined) return []
  const path = tools.nft
  const seen = new Set([...restore, ...remove].map(nftWhere))
  const asleep = [
    ...from.nftTables.filter((copy) => isAsleep(copy) && !copy.owned).map(nftWhere),
    ...from.unread.filter((one) => one.asleep === true).map(({ where }) => where),
  ]
  const sleepsIn = new Set([
    ...to.nftTables.filter(isAsleep).map(nftWhere),
    ...to.unread.filter((one) => one.asleep === true).map(({ where }) => where),
  ])
  return asleep
    .filter((where) => !seen.has(where) && !sleepsIn.has(where))
    .map((where) => {
      const table = where.replace(/^nft /, "")
      return {
        label: `nftables, table ${table} awake`,
        command: [path, "add", "table", ...table.split(" ")],
        input: "",
        mayFail: true,
      }
    })
}
