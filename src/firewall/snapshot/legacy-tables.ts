import { readFileSync } from "node:fs"
import { join } from "node:path"
import { findProgram } from "../../system/find-program.ts"
import { failureOf } from "../../system/run-command.ts"
import { type Backend, type Reading, readTimeoutMs, type SnapshotDeps } from "./reading.ts"
import { parseArptablesListing, parseEbtablesListing } from "./text/legacy-listing.ts"
import { builtinChains, parseSave, type SaveSection } from "./text/save-text.ts"

export type LegacyBackend = Exclude<Backend, "ipset" | "nft">

/** One table of a legacy backend. */
export interface LegacyTableCopy {
  readonly backend: LegacyBackend
  readonly section: SaveSection
}

/** The chains that a legacy table is born with. */
export function legacyBuiltinChains(backend: LegacyBackend, table: string): readonly string[] {
  const dialect = backend.startsWith("arp") ? "arptables" : backend.startsWith("eb") ? "ebtables" : "iptables"
  return builtinChains[dialect][table] ?? []
}

/**
 * Reads the legacy tables that the kernel already holds. It looks in /proc first: a legacy command loads modules and
 * creates tables by being asked (ip_tables.c, ipt_register_table).
 */
export async function readLegacyTables(deps: SnapshotDeps): Promise<Reading<LegacyTableCopy[]>[]> {
  return await Promise.all([
    readByName(deps, "iptables-legacy", "ip_tables_names"),
    readByName(deps, "ip6tables-legacy", "ip6_tables_names"),
    readByName(deps, "arptables-legacy", "arp_tables_names"),
    readEbtables(deps),
  ])
}

async function readByName(
  deps: SnapshotDeps,
  backend: "iptables-legacy" | "ip6tables-legacy" | "arptables-legacy",
  names: string,
): Promise<Reading<LegacyTableCopy[]>> {
  const held = (await readProcNet(deps, names)).split("\n").filter((name) => name !== "")
  if (held.length === 0) return { ok: true, value: [] }
  const { iptablesLegacySave, ip6tablesLegacySave, arptablesLegacy } = deps.tools
  if (backend === "arptables-legacy")
    return await readListings(deps, backend, held, arptablesLegacy, ["-L", "-n", "-v"], parseArptablesListing)
  const save = backend === "iptables-legacy" ? iptablesLegacySave : ip6tablesLegacySave
  if (save === undefined)
    return { ok: false, backend, why: `the kernel holds its tables and ${backend}-save is missing` }
  const saved = await deps.run({ path: save, args: ["-c"], timeoutMs: readTimeoutMs })
  if (!saved.ok) return { ok: false, backend, why: failureOf(saved) }
  const sections = parseSave(saved.stdout)
  const lacking = held.filter((name) => !sections.some((section) => section.table === name))
  if (lacking.length > 0)
    return { ok: false, backend, why: `${backend}-save left out table ${lacking.join(", ")}` }
  return { ok: true, value: sections.map((section) => ({ backend, section })) }
}

async function readEbtables(deps: SnapshotDeps): Promise<Reading<LegacyTableCopy[]>> {
  // ebtables has no list of its tables in /proc/net; its table modules are what there is to look at.
  const modules = readOrEmpty("/proc/modules")
  const held = [...modules.matchAll(/^ebtable_(filter|nat|broute) /gm)].map(([, name]) => name ?? "")
  if (held.length === 0) return { ok: true, value: [] }
  const { ebtablesLegacy } = deps.tools
  return await readListings(
    deps,
    "ebtables-legacy",
    held,
    ebtablesLegacy,
    ["-L", "--Lc"],
    parseEbtablesListing,
  )
}

async function readListings(
  deps: SnapshotDeps,
  backend: LegacyBackend,
  tables: readonly string[],
  path: string | undefined,
  args: readonly string[],
  parse: (table: string, listing: string) => SaveSection,
): Promise<Reading<LegacyTableCopy[]>> {
  if (path === undefined)
    return { ok: false, backend, why: `the kernel holds its tables and ${backend} is missing` }
  const copies: LegacyTableCopy[] = []
  for (const table of tables) {
    const listed = await deps.run({ path, args: ["-t", table, ...args], timeoutMs: readTimeoutMs })
    if (!listed.ok) return { ok: false, backend, why: failureOf(listed) }
    copies.push({ backend, section: parse(table, listed.stdout) })
  }
  return { ok: true, value: copies }
}

/** A file of /proc/net as the namespace sees it that the commands run in, which need not be ours. Missing is empty. */
async function readProcNet(deps: SnapshotDeps, name: string): Promise<string> {
  if (deps.procNet !== undefined) return readOrEmpty(join(deps.procNet, name))
  const cat = findProgram("cat")
  if (cat === undefined) return ""
  const read = await deps.run({ path: cat, args: [join("/proc/net", name)] })
  return read.ok ? read.stdout : ""
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
