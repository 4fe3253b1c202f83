import { type ProveDeps, proveRestorable } from "../../firewall/restore/prove.ts"
import type { RestoreReport } from "../../firewall/restore/report.ts"
import type { Restored } from "../../firewall/restore/restore.ts"
import { isOrder } from "../../firewall/snapshot/difference.ts"
import { type NftView, nftWhere, tableId } from "../../firewall/snapshot/nft-table.ts"
import { possibleViews } from "../../firewall/snapshot/nft-table-view.ts"
import { noRules, type Snapshot } from "../../firewall/snapshot/snapshot.ts"

/**
 * Puts the rules of this machine in force in the copy. Where they do not come out as they are, because a tool has printed some of
 * them wrong, a proof finds the views that do; a table that has none stays out of the copy.
 */
export async function loadProvable(
  deps: ProveDeps,
  read: Snapshot,
  load: (snapshot: Snapshot, inForce?: Snapshot) => Promise<Restored>,
): Promise<{ before: Snapshot; loaded: Loaded }> {
  if (isEmpty(read)) return { before: read, loaded: nothingLoaded }
  const loaded = await load(read, noRules)
  if (loaded.failures.length === 0 && loaded.differences.every(isOrder)) return { before: read, loaded }
  const { snapshot: before } = await proveRestorable(deps, read)
  return { before, loaded: await load(before, loaded.after) }
}

/** A result with the views that were proven for tables of before, where these are not the ones that were read. */
export function withProvenViews(result: Snapshot, read: Snapshot, proven: Snapshot): Snapshot {
  if (read === proven) return result
  const viewOf = ({ nftTables }: Snapshot, id: string): NftView | undefined =>
    nftTables.find((copy) => tableId(copy) === id)?.view
  const nftTables = result.nftTables.map((copy) => {
    const view = viewOf(proven, tableId(copy))
    const { listed, saved, xtRules } = copy
    const isOther = view !== undefined && view !== viewOf(read, tableId(copy))
    if (!isOther || listed === undefined) return copy
    return possibleViews({ listed, saved, xtRules, foreign: true }).includes(view) ? { ...copy, view } : copy
  })
  return { ...result, nftTables }
}

function isEmpty({ ipsets, nftTables, legacyTables }: Snapshot): boolean {
  return ipsets.length + nftTables.length + legacyTables.length === 0
}

/** The outcome of loading the rules of the machine into the copy. */
export type Loaded = Pick<RestoreReport, "left" | "failures" | "differences">

const nothingLoaded: Loaded = { left: [], failures: [], differences: [] }

/** The tables and sets that the copy is without, and why, a line each. */
export function notLoaded({ left, failures, differences }: Loaded): string[] {
  const why = new Map<string, string>()
  for (const { where, kind, lines } of differences) why.set(where, lines[0] ?? kind)
  for (const { where, why: reason } of left) why.set(where, reason)
  return [...failures, ...[...why].map(([where, reason]) => `${where}: ${reason}`)]
}

/** A table that a program owns drops packets in the copy too. Nobody owns it there: the input gets no further by that. */
export function ownedByNobody(snapshot: Snapshot): Snapshot {
  const nftTables = snapshot.nftTables.map((copy) => {
    if (!copy.owned || copy.listed === undefined) return copy
    const attributes = copy.listed.attributes.flatMap(withoutOwner)
    return { ...copy, owned: false, listed: { ...copy.listed, attributes } }
  })
  return { ...snapshot, nftTables }
}

/** The flags of a table without those that its owner gave it; no line when there are no others. */
function withoutOwner(line: string): string[] {
  const flags = /^flags (.*)$/.exec(line)?.[1]?.split(/,\s*/)
  if (flags === undefined) return [line]
  const left = flags.filter((flag) => flag !== "owner" && flag !== "persist")
  return left.length === 0 ? [] : [`flags ${left.join(",")}`]
}

/** Adds the tables that no view restores. They are not in the copy, so the input cannot have changed them. */
export function withLeftOut(result: Snapshot, before: Snapshot, loaded: Loaded): Snapshot {
  const left = new Set(loaded.left.map(({ where }) => where))
  const there = new Set(result.nftTables.map(nftWhere))
  const kept = before.nftTables.filter((copy) => left.has(nftWhere(copy)) && !there.has(nftWhere(copy)))
  const unread = before.unread.filter(({ where }) => !result.unread.some((other) => other.where === where))
  return {
    ...result,
    nftTables: [...result.nftTables, ...kept],
    unread: [...result.unread, ...unread],
  }
}
