import { families } from "../../tools/table.ts"
import { expectedChains, type NftTableCopy, nftWhere, tableId } from "../nft-table.ts"
import { chooseView } from "../nft-table-view.ts"
import {
  breathe,
  keptChanging,
  nothingRead,
  type Reading,
  type SnapshotDeps,
  type Unread,
} from "../reading.ts"
import { canonicalTable } from "../text/nft-canonical.ts"
import { isOwned, type NftTableText, parseRuleset } from "../text/nft-text.ts"
import type { SaveSection } from "../text/save-text.ts"
import { readInstructions } from "./instructions.ts"
import { type Kernel, type KernelTable, readKernel } from "./kernel/tables.ts"
import { listAllTables, listTables, listTerse, type TableListing } from "./listing.ts"
import { keepPrint, printOf } from "./print.ts"
import { readSaves, saveByChain } from "./saves.ts"

/** So long is tried to read all rules between two writes of somebody else; milliseconds. Four looks are taken in any case. */
const tryMs = 15_000
const fewestTries = 4

/**
 * Reads all nf_tables tables, in both views, at one moment.
 * @param known tables that were read before: one that is in the kernel just like that is not read again, and is the same object
 */
export async function readNftTables(
  deps: SnapshotDeps,
  known: readonly NftTableCopy[],
): Promise<Reading<readonly NftTableCopy[]>> {
  return (await readAtOneCommit(deps, known)) ?? (await readBetweenWrites(deps))
}

/** Undefined where anything was committed meanwhile, and where the kernel does not tell. */
async function readAtOneCommit(
  deps: SnapshotDeps,
  known: readonly NftTableCopy[],
): Promise<Reading<readonly NftTableCopy[]> | undefined> {
  const before = await readKernel(deps, "tables")
  if (before?.commit === undefined) return undefined
  const { namespace, commit } = before
  // Nobody has written since these were read.
  const still = new Map(
    known
      .filter((copy) => printOf(copy)?.commits[namespace] === commit)
      .map((copy) => [tableId(copy), copy] as const),
  )
  const asked = still.size > 0 ? Promise.resolve(before) : readKernel(deps, "everything")
  // Where nothing is known all is listed, and at the same time.
  const same = still.size > 0 ? still : known.length === 0 ? undefined : unchanged(await asked, known)
  const fresh = same && ((await asked)?.tables ?? []).filter((table) => !same.has(tableId(table)))
  if (fresh?.length === 0 && still.size > 0) return { found: inOrder(before, still), unread: [] }
  const read = await readOnce(deps, asked, fresh)
  const kernel = await asked
  if (kernel?.commit !== commit || (await readKernel(deps, "tables"))?.commit !== commit) return undefined
  const found = new Map([...read.found, ...(same?.values() ?? [])].map((copy) => [tableId(copy), copy]))
  for (const table of kernel.tables) {
    const copy = found.get(tableId(table))
    if (copy !== undefined && table.print !== undefined)
      keepPrint(copy, { print: table.print, commits: { [namespace]: commit } })
  }
  return { found: inOrder(kernel, found), unread: read.unread }
}

function inOrder({ tables }: Kernel, found: ReadonlyMap<string, NftTableCopy>): NftTableCopy[] {
  return tables.flatMap((table) => found.get(tableId(table)) ?? [])
}

/** Those that the kernel has as they were read, by their names. */
function unchanged(
  kernel: Kernel | undefined,
  known: readonly NftTableCopy[],
): ReadonlyMap<string, NftTableCopy> {
  const prints = new Map(kernel?.tables.map((table) => [tableId(table), table.print]))
  const same = known.filter((copy) => {
    const print = printOf(copy)?.print
    return print !== undefined && print === prints.get(tableId(copy))
  })
  return new Map(same.map((copy) => [tableId(copy), copy]))
}

/** Looks again until no rule changed between two looks. */
async function readBetweenWrites(deps: SnapshotDeps): Promise<Reading<readonly NftTableCopy[]>> {
  const all = (from: SnapshotDeps): Promise<Reading<readonly NftTableCopy[]>> =>
    readOnce(from, readKernel(deps, "tables"), undefined)
  if (deps.undisturbed === true) return await all(deps)
  const begunMs = deps.clock.bootMs()
  for (let tries = 0; tries < fewestTries || deps.clock.bootMs() - begunMs < tryMs; tries += 1) {
    const before = await listTerse(deps)
    if (before === undefined) return await all(withoutNft(deps))
    const read = await all(deps)
    if (still(before) === still(await listTerse(deps))) return read
  }
  return nothingRead("nft", keptChanging)
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

/** @param only these tables alone; all unless given */
async function readOnce(
  deps: SnapshotDeps,
  kernel: Promise<Kernel | undefined>,
  only: readonly KernelTable[] | undefined,
): Promise<Reading<readonly NftTableCopy[]>> {
  const [listing, instructions] = await Promise.all([
    only === undefined ? listAllTables(deps, kernel) : listTables(deps, only),
    readInstructions(deps, only ?? kernel.then((known) => known?.tables)),
  ])
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
  const unread: Unread[] = unknown === undefined ? [] : [{ where: "nft", why: unknown }]
  for (const { family, name, dormant, owned, why } of unlisted) {
    const saved = savedOf({ family, name })
    if (saved === undefined || !instructions.agreeWith({ family, name }, saved))
      unread.push({
        where: nftWhere({ family, name }),
        why,
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
