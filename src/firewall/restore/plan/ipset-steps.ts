import { nftWhere } from "../../snapshot/nft-table.ts"
import type { Snapshot } from "../../snapshot/snapshot.ts"
import {
  canQuote,
  type IpsetCopy,
  isSwappable,
  renderIpsets,
  swapName,
  usesIpset,
} from "../../snapshot/text/ipset.ts"
import type { SaveSection } from "../../snapshot/text/save-text.ts"
import type { LegacyBackend, ToolPaths } from "../../tools/table.ts"
import type { NftChanges } from "./nft-changes.ts"
import { nftDelete } from "./nft-table-text.ts"
import { type Leave, type LegacyChange, type LegacyChanges, legacySteps, type RestoreStep } from "./steps.ts"

/** The changes to IP sets. */
export interface IpsetChanges {
  /** Not there, or there with other content. */
  readonly fill: readonly IpsetCopy[]
  /** Of those: there, and can be swapped in place. */
  readonly swapped: ReadonlySet<string>
  /** Of those: there with another type; every rule that uses it has to go before it can. */
  readonly retyped: ReadonlySet<string>
  /** There, and not wanted. */
  readonly extra: readonly string[]
}

export function planIpsets(from: Snapshot, to: Snapshot, differing: ReadonlySet<string>): IpsetChanges {
  const present = new Map(from.ipsets.map((set) => [set.name, set]))
  const fill = to.ipsets.filter((set) => differing.has(`ipset ${set.name}`))
  const there = fill.filter((set) => present.has(set.name))
  const swapped = there.filter((set) => isSwappable(set, present.get(set.name) ?? set)).map((set) => set.name)
  const wanted = new Set(to.ipsets.map((set) => set.name))
  return {
    fill,
    swapped: new Set(swapped),
    retyped: new Set(there.map((set) => set.name).filter((name) => !swapped.includes(name))),
    extra: from.ipsets
      .map((set) => set.name)
      .filter((name) => differing.has(`ipset ${name}`) && !wanted.has(name))
      .reverse(),
  }
}

interface Context {
  readonly from: Snapshot
  readonly to: Snapshot
  readonly nft: NftChanges
  readonly legacy: LegacyChanges
  readonly tools: ToolPaths
  readonly leave: Leave
}

/** The steps on sets: `before` any rule is loaded, and `after` all are. */
export function ipsetSteps(
  sets: IpsetChanges,
  context: Context,
): { before: RestoreStep[]; after: RestoreStep[] } {
  const { ipset } = context.tools
  if (sets.fill.length === 0 && sets.extra.length === 0) return { before: [], after: [] }
  if (ipset === undefined) {
    for (const name of [...sets.fill.map((set) => set.name), ...sets.extra])
      context.leave(`ipset ${name}`, "ipset is missing")
    return { before: [], after: [] }
  }
  const destroy = (name: string): RestoreStep => {
    return { label: `ipset destroy ${name}`, command: [ipset, "destroy", name], input: "", mayFail: true }
  }
  for (const { name } of sets.fill.filter((set) => !canQuote(set.name)))
    context.leave(`ipset ${name}`, "ipset restore cannot be told a name with a quote in it")
  const fill = sets.fill.filter((set) => canQuote(set.name))
  const before: RestoreStep[] = []
  if (sets.retyped.size > 0)
    before.push(...releaseSteps(sets.retyped, context), ...[...sets.retyped].map(destroy))
  if (fill.length > 0) {
    const input = renderIpsets(fill, sets.swapped)
    const names = fill.map((set) => set.name).join(", ")
    // What an earlier run that was cut off left behind.
    if (sets.swapped.size > 0) before.push(destroy(swapName))
    before.push({ label: `ipset ${names}`, command: [ipset, "restore", "-exist"], input, mayFail: false })
  }
  return { before, after: sets.extra.map(destroy) }
}

/** The tables, by the name that differences use, that use one of these sets in either snapshot. */
export function usersOf(names: ReadonlySet<string>, from: Snapshot, to: Snapshot): string[] {
  const uses = (section: SaveSection | undefined): boolean =>
    section?.rules.some((rule) => usesIpset(rule, names)) ?? false
  return [from, to].flatMap(({ nftTables, legacyTables }) => [
    ...nftTables.filter((copy) => uses(copy.saved)).map(nftWhere),
    ...legacyTables
      .filter(({ section }) => uses(section))
      .map(({ backend, section }) => `${backend} ${section.table}`),
  ])
}

/**
 * A set cannot change its type while rules use it, nor be swapped with one of another type (ip_set_core.c,
 * ip_set_swap). So, for these only, the rules that use them go first, for the moment until the real ones come: nft
 * tables whole, legacy tables by loading what they will hold without those rules.
 */
function releaseSteps(
  names: ReadonlySet<string>,
  { from, to, nft, legacy, tools, leave }: Context,
): RestoreStep[] {
  const users = new Set(usersOf(names, from, to))
  const tables = [...nft.restore, ...nft.remove].filter((copy) => users.has(nftWhere(copy)))
  const steps: RestoreStep[] = []
  if (tables.length > 0 && tools.nft !== undefined)
    steps.push({
      label: "nftables, tables whose sets change their type",
      command: [tools.nft, "-f", "{file}"],
      input: tables.map(nftDelete).join(""),
      mayFail: false,
    })
  const interim = new Map<LegacyBackend, LegacyChange[]>()
  for (const [backend, changes] of legacy) {
    const used = changes.filter(({ section }) => users.has(`${backend} ${section.table}`))
    const without = used.map(({ section }) => {
      return { section: { ...section, rules: section.rules.filter((rule) => !usesIpset(rule, names)) } }
    })
    if (without.length > 0) interim.set(backend, without)
  }
  return [...steps, ...legacySteps(interim, tools, leave)]
}
