import { type CommandResult, failureOf } from "../../../system/process/run-command.ts"
import { tableId } from "../nft-table.ts"
import { readTimeoutMs, type SnapshotDeps } from "../reading.ts"
import { type NftTableText, parseListing } from "../text/nft-text.ts"
import type { Kernel, KernelTable } from "./kernel/tables.ts"

/** A table of which nothing but its name may be known. */
export type NamedTable = Pick<KernelTable, "family" | "name" | "dormant" | "owned">

/** The tables that were asked for, as far as nft can list them. */
export interface TableListing {
  readonly listed: readonly NftTableText[]
  /** Tables that nft cannot list, and why. */
  readonly unlisted: readonly (NamedTable & { readonly why: string })[]
  /** Their names, in the order of their birth; empty where they are not known. */
  readonly order: readonly string[]
  /** Set when not even the names of all tables are known. */
  readonly unknown?: string
}

/**
 * Lists all tables at once; where that fails, or leaves out what the kernel says that it holds, each of the others by itself, so
 * that one bad table hides no other.
 * @param kernel what the kernel says that it holds; undefined where it cannot be asked
 */
export async function listAllTables(
  deps: SnapshotDeps,
  kernel: Promise<Kernel | undefined>,
): Promise<TableListing> {
  const [known, whole] = await Promise.all([kernel, list(deps, ["list", "ruleset"])])
  if (whole.absent) return { listed: [], unlisted: [], order: [] }
  const names = known?.tables ?? (whole.why === undefined ? [] : await namesByNft(deps, whole))
  if (names === undefined) return { listed: whole.tables, unlisted: [], order: [], unknown: whole.why ?? "" }
  const trusted = hasLostWords(whole) ? [] : whole.tables
  return await listOthers(deps, names, trusted, whole)
}

/** Lists these tables, each by itself. */
export async function listTables(deps: SnapshotDeps, names: readonly NamedTable[]): Promise<TableListing> {
  return await listOthers(deps, names, [], undefined)
}

async function listOthers(
  deps: SnapshotDeps,
  names: readonly NamedTable[],
  trusted: readonly NftTableText[],
  whole: Listed | undefined,
): Promise<TableListing> {
  const found = new Map(trusted.map((table) => [tableId(table), table]))
  const unlisted: (NamedTable & { why: string })[] = []
  let hanging = whole?.hangs ? whole : undefined
  for (const table of names.filter((one) => !found.has(tableId(one)))) {
    const alone = hanging ?? (await list(deps, ["list", "table", table.family, table.name]))
    const [text] = hanging === undefined ? alone.tables : []
    if (text !== undefined && alone.why === undefined && tableId(text) === tableId(table))
      found.set(tableId(table), text)
    else if (!isGone(alone)) unlisted.push({ ...nameOf(table), why: alone.why ?? "nft prints nothing of it" })
    if (alone.hangs) hanging = alone
  }
  return { listed: [...found.values()], unlisted, order: names.map(tableId) }
}

function nameOf({ family, name, dormant, owned }: NamedTable): NamedTable {
  return { family, name, dormant, owned }
}

interface Listed {
  readonly tables: readonly NftTableText[]
  /** The reason why this is not a whole listing. */
  readonly why: string | undefined
  readonly hangs: boolean
  /** The kernel has no nf_tables: nothing of it can drop. */
  readonly absent: boolean
  readonly result: CommandResult | undefined
}

async function list({ run, tools }: SnapshotDeps, args: readonly string[]): Promise<Listed> {
  const { nft: path } = tools
  if (path === undefined)
    return { tables: [], why: "nft is missing", hangs: true, absent: false, result: undefined }
  const result = await run({ path, args, timeoutMs: readTimeoutMs, bulky: true })
  const { tables, broken } = parseListing(result.stdout)
  const why = result.ok ? broken && `nft's listing is of no use: ${broken}` : failureOf(result)
  // EPROTONOSUPPORT or EOPNOTSUPP.
  const absent = !result.ok && /(Protocol|Operation) not supported/.test(result.stderr)
  return { tables, why, hangs: result.timedOut, absent, result }
}

/**
 * nft 1.0.6 finds an extension of iptables for one family only in one process: behind a table of ip that has MASQUERADE, a rule of
 * ip6 is printed without it, as if it were whole, and "XT target MASQUERADE not found" goes to the standard error. By itself each
 * table is printed as it is.
 */
function hasLostWords({ result }: Listed): boolean {
  return result !== undefined && /^XT \w+ \S+ not found$/m.test(result.stderr)
}

/** It went between the look at the names and this one. */
function isGone({ result }: Listed): boolean {
  return result !== undefined && !result.ok && /No such file or directory/.test(result.stderr)
}

/** The names, from nft itself, where perl cannot ask the kernel. */
async function namesByNft(deps: SnapshotDeps, whole: Listed): Promise<NamedTable[] | undefined> {
  const { nft: path } = deps.tools
  if (path === undefined || whole.hangs) return undefined
  const named = await deps.run({ path, args: ["list", "tables"], timeoutMs: readTimeoutMs })
  if (!named.ok) return undefined
  return [...named.stdout.matchAll(/^table (\S+) (\S+)$/gm)].map(([, family = "", name = ""]) => {
    return { family, name, dormant: false, owned: false }
  })
}

/** The ruleset without elements and counters: equal when nobody changed a rule in between. Undefined when nft hangs. */
export async function listTerse({ run, tools }: SnapshotDeps): Promise<string | undefined> {
  const { nft: path } = tools
  if (path === undefined) return ""
  const result = await run({ path, args: ["-t", "list", "ruleset"], timeoutMs: readTimeoutMs, bulky: true })
  return result.timedOut ? undefined : result.stdout
}
