import { failureOf } from "../../system/process/run-command.ts"
import { type LegacyTableCopy, readLegacyTables } from "./legacy-tables.ts"
import type { NftTableCopy } from "./nft-table.ts"
import { readNftTables } from "./nft-tables.ts"
import { type Backend, type Reading, readTimeoutMs, type SnapshotDeps } from "./reading.ts"
import { type IpsetCopy, parseIpsets } from "./text/ipset.ts"

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
  /** Backends that could not be read, and why. Nothing of these is ever touched by a restore: "unknown" is not "none". */
  readonly unread: readonly { readonly backend: Backend; readonly why: string }[]
}

/**
 * Reads everything that is in force, counters included. Changes nothing and loads no module. Never throws for a tool
 * that fails: its backend is in `unread` then.
 */
export async function takeSnapshot(deps: SnapshotDeps, reason: string): Promise<Snapshot> {
  const [ipsets, nft, legacy] = await Promise.all([
    readIpsets(deps),
    readNftTables(deps),
    readLegacyTables(deps),
  ])
  const readings: Reading<unknown>[] = [ipsets, nft, ...legacy]
  return {
    version: 1,
    takenAtMs: deps.clock.wallMs(),
    reason,
    ipsets: ipsets.ok ? ipsets.value : [],
    nftTables: nft.ok ? nft.value : [],
    legacyTables: legacy.flatMap((reading) => (reading.ok ? reading.value : [])),
    unread: readings.flatMap((reading) =>
      reading.ok ? [] : [{ backend: reading.backend, why: reading.why }],
    ),
  }
}

async function readIpsets({ run, tools }: SnapshotDeps): Promise<Reading<IpsetCopy[]>> {
  // Without the tool nobody here has made a set that it could put back.
  if (tools.ipset === undefined) return { ok: true, value: [] }
  const saved = await run({ path: tools.ipset, args: ["save"], timeoutMs: readTimeoutMs })
  if (saved.ok) return { ok: true, value: parseIpsets(saved.stdout) }
  // "Kernel support protocol versions" / "Cannot open session to kernel": the kernel has no ip_set, so there are no sets.
  if (/Cannot open session to kernel|Kernel error received: Invalid argument/.test(saved.stderr))
    return { ok: true, value: [] }
  return { ok: false, backend: "ipset", why: failureOf(saved) }
}
