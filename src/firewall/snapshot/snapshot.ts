import { failureOf } from "../../system/process/run-command.ts"
import { parseHooks, registeredChains, sharedPlaces } from "./hook-order.ts"
import { type LegacyTableCopy, readLegacyTables } from "./legacy-tables.ts"
import { keepPrint, printOf } from "./nft/print.ts"
import { readNftTables } from "./nft/tables.ts"
import type { NftTableCopy } from "./nft-table.ts"
import { nothingRead, type Reading, readTimeoutMs, type SnapshotDeps, type Unread } from "./reading.ts"
import { type IpsetCopy, parseIpsets, withQuotedSets } from "./text/ipset.ts"

/** Everything that was in force in one network namespace, as a value; see native-notes/snapshots.md. */
export interface Snapshot {
  readonly version: 1
  /** Milliseconds since 1970-01-01 UTC. */
  readonly takenAtMs: number
  /** Why it was taken: "arming", "open", ... */
  readonly reason: string
  readonly ipsets: readonly IpsetCopy[]
  readonly nftTables: readonly NftTableCopy[]
  readonly legacyTables: readonly LegacyTableCopy[]
  /** By place, the base chains in the order of their registration (hook-order.ts), where the kernel tells it and some share one. */
  readonly hooks?: Readonly<Record<string, readonly string[]>>
  /** Tables and sets that a proof has shown to be lost to a restore: it leaves them alone. */
  readonly hopeless?: readonly Unread[]
  /** Legacy tables whose policies' packet counts are not those from before the open: its first step has set them to zero. */
  readonly uncounted?: readonly string[]
  /** Of a change: everything in it that fw-apply has made, by this change or an earlier one; "ip filter gate", "ipset blocked". */
  readonly made?: readonly string[]
  /** Everything that could not be read. Nothing of it is ever touched by a restore: "unknown" is not "none". */
  readonly unread: readonly Unread[]
}

/** The rules of a new namespace. */
export const noRules: Snapshot = {
  version: 1,
  takenAtMs: 0,
  reason: "a new namespace",
  ipsets: [],
  nftTables: [],
  legacyTables: [],
  unread: [],
}

type Rules = Pick<Snapshot, "nftTables" | "legacyTables">

/**
 * Reads everything that is in force, counters included. Changes nothing and loads no module. Never throws for a tool
 * that fails: what it should have read is in `unread` then.
 * @param known an earlier snapshot: tables of nf_tables that are as they were then are taken from it, with the counts of then
 */
export async function takeSnapshot(
  deps: SnapshotDeps,
  reason: string,
  known?: Pick<Snapshot, "nftTables">,
): Promise<Snapshot> {
  const [ipsets, nft, legacy] = await Promise.all([
    readIpsets(deps),
    readNftTables(deps, known?.nftTables ?? []),
    readLegacyTables(deps),
  ])
  const hooks = await readHooks(deps, nft.found)
  const rules = withNames(ipsets.found, { nftTables: nft.found, legacyTables: legacy.found })
  const sets = withoutLies(ipsets, rules)
  return {
    version: 1,
    takenAtMs: deps.clock.wallMs(),
    reason,
    ipsets: sets.found,
    ...rules,
    ...hooks,
    unread: [...sets.unread, ...nft.unread, ...legacy.unread],
  }
}

async function readIpsets({ run, tools }: SnapshotDeps): Promise<Reading<readonly IpsetCopy[]>> {
  // Without the tool nobody here has made a set that it could put back.
  if (tools.ipset === undefined) return { found: [], unread: [] }
  const saved = await run({ path: tools.ipset, args: ["save"], timeoutMs: readTimeoutMs })
  // "Kernel support protocol versions" / "Cannot open session to kernel": the kernel has no ip_set, so there are no sets.
  if (!saved.ok && /Cannot open session to kernel|Kernel error received: Invalid argument/.test(saved.stderr))
    return { found: [], unread: [] }
  if (!saved.ok) return nothingRead("ipset", failureOf(saved))
  const sets = parseIpsets(saved.stdout)
  return sets === undefined ? nothingRead("ipset", "it printed no whole save") : { found: sets, unread: [] }
}

async function readHooks(
  { run, tools }: SnapshotDeps,
  nftTables: Snapshot["nftTables"],
): Promise<Pick<Snapshot, "hooks">> {
  if (tools.nft === undefined || sharedPlaces(registeredChains({ nftTables })).size === 0) return {}
  const listed = await run({ path: tools.nft, args: ["list", "hooks"], timeoutMs: readTimeoutMs })
  const hooks = listed.ok ? parseHooks(listed.stdout) : {}
  return Object.keys(hooks).length === 0 ? {} : { hooks }
}

/** The same rules, with names of sets that a restore can read. */
function withNames(sets: readonly IpsetCopy[], rules: Rules): Rules {
  return {
    nftTables: rules.nftTables.map((copy) => withQuotedNames(copy, sets)),
    legacyTables: rules.legacyTables.map((one) => ({ ...one, section: withQuotedSets(one.section, sets) })),
  }
}

function withQuotedNames(copy: NftTableCopy, sets: readonly IpsetCopy[]): NftTableCopy {
  if (copy.saved === undefined) return copy
  const saved = withQuotedSets(copy.saved, sets)
  if (saved === copy.saved) return copy
  const quoted = { ...copy, saved }
  const print = printOf(copy)
  if (print !== undefined) keepPrint(quoted, print)
  return quoted
}

/** A set that a rule in force uses is there: a save without it is not believed. */
function withoutLies(read: Reading<readonly IpsetCopy[]>, rules: Rules): Reading<readonly IpsetCopy[]> {
  const sections = [
    ...rules.nftTables.map(({ saved }) => saved),
    ...rules.legacyTables.map((one) => one.section),
  ]
  if (read.found.length > 0 || read.unread.length > 0) return read
  const uses = sections.some((section) =>
    section?.rules.some((rule) => / --(match|add|del|map)-set /.test(rule)),
  )
  return uses ? nothingRead("ipset", "it prints no set, and rules in force use some") : read
}
