import { join } from "node:path"
import { findProgram } from "../../system/process/find-program.ts"
import { failureOf } from "../../system/process/run-command.ts"
import { legacyTablesOf, readTextFile } from "../tools/detect.ts"
import { type Family, families, isIpFamily, type LegacyBackend, toolName, toolNamed } from "../tools/table.ts"
import { nothingRead, type Reading, readTimeoutMs, type SnapshotDeps, type Unread } from "./reading.ts"
import { parseArptablesListing, parseEbtablesListing } from "./text/legacy-listing.ts"
import { builtinChains, isWholeSave, parseSave, type SaveSection } from "./text/save-text.ts"

/** One table of a legacy backend. */
export interface LegacyTableCopy {
  readonly backend: LegacyBackend
  readonly section: SaveSection
}

/** The chains that a legacy table is born with. */
export function legacyBuiltinChains(backend: LegacyBackend, table: string): readonly string[] {
  return builtinChains[toolNamed(backend).family][table] ?? []
}

/**
 * Reads the legacy tables that the kernel already holds. It looks in /proc first: a legacy command loads modules and
 * creates tables by being asked (ip_tables.c, ipt_register_table).
 */
export async function readLegacyTables(deps: SnapshotDeps): Promise<Reading<readonly LegacyTableCopy[]>> {
  const readings = await Promise.all(
    families.map(async (family) => {
      const held = await heldTables(deps, family)
      if (held.length === 0) return { found: [], unread: [] }
      if (isIpFamily(family)) return await readSave(deps, family, held)
      return await readListings(deps, family, held)
    }),
  )
  return {
    found: readings.flatMap(({ found }) => found),
    unread: readings.flatMap(({ unread }) => unread),
  }
}

async function readSave(
  deps: SnapshotDeps,
  family: "ip" | "ip6",
  held: readonly string[],
): Promise<Reading<readonly LegacyTableCopy[]>> {
  const backend = toolName("legacy", family, "command")
  const save = deps.tools[toolName("legacy", family, "save")]
  if (save === undefined)
    return nothingRead(backend, `the kernel holds its tables and ${backend}-save is missing`)
  const saved = await deps.run({ path: save, args: ["-c"], timeoutMs: readTimeoutMs })
  if (!saved.ok) return nothingRead(backend, failureOf(saved))
  if (!isWholeSave(saved.stdout, family)) return nothingRead(backend, `${backend}-save printed no whole save`)
  const sections = parseSave(saved.stdout)
  const lacking = held.filter((name) => !sections.some((section) => section.table === name))
  return {
    found: sections.map((section) => ({ backend, section })),
    unread: lacking.map((table) => {
      return { where: `${backend} ${table}`, why: `${backend}-save left it out` }
    }),
  }
}

/** Neither arptables-legacy nor ebtables-legacy has a save that tells all; their listings do. */
async function readListings(
  deps: SnapshotDeps,
  family: "arp" | "bridge",
  held: readonly string[],
): Promise<Reading<readonly LegacyTableCopy[]>> {
  const backend = toolName("legacy", family, "command")
  const path = deps.tools[backend]
  if (path === undefined) return nothingRead(backend, `the kernel holds its tables and ${backend} is missing`)
  const options = family === "arp" ? ["-n", "-v"] : ["--Lc"]
  const parse = family === "arp" ? parseArptablesListing : parseEbtablesListing
  const found: LegacyTableCopy[] = []
  const unread: Unread[] = []
  for (const table of held) {
    const args = ["-t", table, "-L", ...options]
    const listed = await deps.run({ path, args, timeoutMs: readTimeoutMs })
    const section = parse(table, listed.stdout)
    const where = `${backend} ${table}`
    if (!listed.ok) unread.push({ where, why: failureOf(listed) })
    else if (section.chains.length === 0) unread.push({ where, why: `${backend} printed no listing of it` })
    else found.push({ backend, section })
  }
  return { found, unread }
}

/** The tables that the kernel holds in the namespace that the commands run in, which need not be ours. */
async function heldTables(deps: SnapshotDeps, family: Family): Promise<string[]> {
  if (family === "bridge") return legacyTablesOf(family, readTextFile)
  const names = await readProcNet(deps, `${family}_tables_names`)
  return legacyTablesOf(family, () => names)
}

async function readProcNet(deps: SnapshotDeps, name: string): Promise<string | undefined> {
  if (deps.procNet !== undefined) return readTextFile(join(deps.procNet, name))
  const cat = findProgram("cat")
  if (cat === undefined) return undefined
  const read = await deps.run({ path: cat, args: [join("/proc/net", name)] })
  return read.ok ? read.stdout : undefined
}
