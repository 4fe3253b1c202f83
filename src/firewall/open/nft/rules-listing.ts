import { parseListing } from "../../snapshot/text/nft-text.ts"
import { type NftTable, parseNftListing, tableKey } from "./listing.ts"
import type { NftLoader } from "./loader.ts"

/**
 * All tables with their rules, terse where elements decide nothing. Where nft cannot list them at once, table by table, so that one
 * bad table hides no other; one that it cannot list has its chains, and is `unlisted`.
 * @param known the tables with their chains, as a cheap listing has them, looked at again
 * @returns undefined when not even those can be listed
 */
export async function listRules(
  lister: NftLoader,
  known: () => Promise<readonly NftTable[] | undefined>,
): Promise<readonly NftTable[] | undefined> {
  const terse = await lister.list("list ruleset", "terse")
  if (terse === undefined || !isWhole(terse)) return await listEach(lister, known)
  const tables = parseNftListing(terse, "terse")
  if (tables.length === 0 && ((await known()) ?? []).length > 0) return await listEach(lister, known)
  // The elements of a verdict map decide what drops; those of other sets may be many, and decide nothing.
  if (!tables.some(hasUnknownMap)) return tables
  const whole = await lister.list("list ruleset")
  return whole !== undefined && isWhole(whole) ? parseNftListing(whole) : await listEach(lister, known)
}

async function listEach(
  lister: NftLoader,
  known: () => Promise<readonly NftTable[] | undefined>,
): Promise<readonly NftTable[] | undefined> {
  const tables = await known()
  if (tables === undefined) return undefined
  const listed: NftTable[] = []
  for (const table of tables) {
    const text = await lister.list(`list table ${table.family} ${table.table}`)
    const [alone] = text !== undefined && isWhole(text) ? parseNftListing(text) : []
    const found = alone !== undefined && tableKey(alone) === tableKey(table)
    if (found) listed.push(alone)
    else listed.push((await isEmptyAtHooks(lister, table)) ? table : { ...table, unlisted: true })
  }
  return listed
}

/** Where no base chain holds a rule, it does not matter that the others cannot be listed: nothing gets to them. */
async function isEmptyAtHooks(lister: NftLoader, table: NftTable): Promise<boolean> {
  for (const { name, base } of table.chains) {
    if (base === undefined) continue
    const text = await lister.list(`list chain ${table.family} ${table.table} ${name}`)
    const [alone] = text !== undefined && isWhole(text) ? parseNftListing(text) : []
    if (alone?.chains[0]?.rules.length !== 0) return false
  }
  return true
}

function isWhole(text: string): boolean {
  return parseListing(text).broken === undefined
}

function hasUnknownMap({ verdictMaps }: NftTable): boolean {
  return verdictMaps.some(({ elements }) => elements === undefined)
}
