import { families } from "../../tools/table.ts"
import { expectedChains, type NftTableCopy, nftWhere, tableId } from "../nft-table.ts"
import { chooseView } from "../nft-table-view.ts"
import { breathe, nothingRead, type Reading, type SnapshotDeps, type Unread } from "../reading.ts"
import { canonicalTable } from "../text/nft-canonical.ts"
import { isOwned, type NftTableText, parseRuleset } from "../text/nft-text.ts"
import type { SaveSection } from "../text/save-text.ts"
import { readInstructions } from "./instructions.ts"
import { listTables, listTerse, type TableListing } from "./listing.ts"
import { readSaves, saveByChain } from "./saves.ts"

/** So long is tried to read all rules between two writes of somebody else; milliseconds. Four looks are taken in any case. */
const tryMs = 15_000
const fewestTries = 4

/** Reads all nf_tables tables, in both views, at one moment: it looks again until nothing changed between the looks. */
export async function readNftTables(deps: SnapshotDeps): Promise<Reading<readonly NftTableCopy[]>> {
  if (deps.undisturbed === true) return await readOnce(deps)
  const begunMs = deps.clock.bootMs()
  for (let tries = 0; tries < fewestTries || deps.clock.bootMs() - begunMs < tryMs; tries += 1) {
    const before = await listTerse(deps)
    if (before === undefined) return await readOnce(withoutNft(deps), "nft does not answer")
    const read = await readOnce(deps)
    if (still(before) === still(await listTerse(deps))) return read
  }
  return nothingRead("nft", "the rules changed while they were read, each time that it was tried")
}

function withoutNft(deps: SnapshotDeps): SnapshotDeps {
  const { nft: _, ...tools } = deps.tools
  return { ...deps, tools }
}

function still(terse: string | undefined): string | undefined {
  return (
    terse &&
    parseRuleset(terse)
      .map((table) => `${table.family} ${table.name}\n${canonicalTable(table, "ignored").join("\n")}`)
      .join("\n")
  )
}

/** @param noNft the reason why nft is not asked */
async function readOnce(deps: SnapshotDeps, noNft?: string): Promise<Reading<readonly NftTableCopy[]>> {
  const [listing, instructions] = await Promise.all([listTables(deps), readInstructions(deps)])
  await breathe()
  const { listed, unlisted, unknown, order } = listing
  const saves = await readSaves(deps, familiesToSave(listing))
  const savedOf = (table: { family: string; name: string }): SaveSection | undefined =>
    saves.get(table.family)?.find((section) => section.table === table.name)
  const copies: NftTableCopy[] = []
  for (const table of listed) {
    const xtRules = instructions.xtRules(table)
    const saved = savedOf(table) ?? (await saveByChain(deps, table, Object.keys(xtRules)))
    const { foreign, hopeless } = instructions.misprints(table, saved)
    const isForeign = Object.keys(foreign).length > 0
    const chosen = chooseView({ listed: table, saved, xtRules, foreign: isForeign, hopeless })
    const { family, name } = table
    const foreignRules = saved === undefined ? {} : { foreignRules: foreign }
    copies.push({
      family,
      name,
      listed: table,
      saved,
      xtRules,
      ...foreignRules,
      owned: isOwned(table),
      ...chosen,
    })
  }
  const unread: Unread[] = unknown === undefined ? [] : [{ where: "nft", why: noNft ?? unknown }]
  for (const { family, name, dormant, owned, why } of unlisted) {
    const saved = savedOf({ family, name })
    if (saved === undefined || !instructions.agreeWith({ family, name }, saved))
      unread.push({
        where: nftWhere({ family, name }),
        why: noNft ?? why,
        ...(dormant ? { asleep: true as const } : {}),
      })
    else copies.push(savedOnly({ family, name, saved, owned, dormant }))
  }
  if (unknown !== undefined)
    for (const [family, sections] of saves)
      for (const saved of sections.filter(({ table }) => !listed.some((one) => isSame(one, family, table))))
        copies.push(savedOnly({ family, name: saved.table, saved, owned: false, dormant: false }))
  const places = new Map(order.map((table, place) => [table, place]))
  const place = (copy: NftTableCopy): number => places.get(tableId(copy)) ?? order.length
  return { found: copies.sort((a, b) => place(a) - place(b)), unread }
}

/** A table that only iptables and its kin can list. */
function savedOnly(
  parts: Pick<NftTableCopy, "family" | "name" | "owned"> & {
    readonly saved: SaveSection
    readonly dormant: boolean
  },
): NftTableCopy {
  const { dormant, ...copy } = parts
  const asleep = dormant ? ({ asleep: true } as const) : {}
  return { ...copy, listed: undefined, xtRules: {}, view: "iptables", ...asleep }
}

function isSame(table: NftTableText, family: string, name: string): boolean {
  return table.family === family && table.name === name
}

/** Every family where the names are not known; else those of tables that iptables and its kin know. */
function familiesToSave({ listed, unlisted, unknown }: TableListing): ReadonlySet<string> {
  if (unknown !== undefined) return new Set(families)
  const known = [...listed, ...unlisted].filter((table) => expectedChains(table) !== undefined)
  return new Set(known.map(({ family }) => family))
}
