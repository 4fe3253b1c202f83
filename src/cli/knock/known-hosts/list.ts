import { readdirSync } from "node:fs"
import { Fault } from "../../../errors.ts"
import { formatDuration } from "../../../report/duration.ts"
import { exitCodeFor } from "../../../report/outcome.ts"
import { canonicalHost, isHostName } from "../../../secrets/host-name.ts"
import { type HostRecord, readRecords } from "../../../secrets/host-records.ts"
import type { Terminal } from "../../terminal/terminal.ts"
import type { HostFolders, KnownHosts } from "./known-hosts.ts"

interface KeptHost {
  readonly name: string
  readonly hasSecret: boolean
  readonly record: HostRecord | undefined
}

const heading = ["HOST", "ADDRESSES", "PORT", "JUMP", "LAST ALIVE"]

/** `fw-knock list`: the hosts that are kept; under sudo the caller's too, but those that root's own stand in front of. */
export async function list(terminal: Terminal, known: KnownHosts, nowMs: number): Promise<number> {
  const folders = await known.allFolders()
  const kept = new Map<string, KeptHost>()
  for (const host of folders.flatMap(keptIn)) if (!kept.has(host.name)) kept.set(host.name, host)
  if (terminal.json) for (const host of kept.values()) terminal.object(objectOf(host))
  else if (kept.size === 0)
    terminal.say(`no host is remembered in ${folders.map(({ secrets }) => secrets).join(" or ")}`)
  else
    for (const line of aligned([heading, ...[...kept.values()].map((host) => cells(host, nowMs))]))
      terminal.result(line)
  return exitCodeFor("done")
}

function keptIn(folders: HostFolders): KeptHost[] {
  const secrets = namesIn(folders.secrets)
  const records = new Map(readRecords(folders.records).map((record) => [canonicalHost(record.name), record]))
  return [...new Set([...secrets, ...records.keys()])]
    .sort()
    .map((name) => ({ name, hasSecret: secrets.includes(name), record: records.get(name) }))
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter(isHostName)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === "ENOENT") return []
    throw new Fault("permission", `cannot list the hosts in ${folder}: ${code}`, { cause })
  }
}

function cells({ name, hasSecret, record }: KeptHost, nowMs: number): string[] {
  const alive = record?.aliveMs === undefined ? "-" : `${formatDuration(nowMs - record.aliveMs)} ago`
  return [
    name,
    record?.addresses.join(", ") || "-",
    record?.port === undefined ? "-" : `${record.port}`,
    record?.jump ?? "-",
    hasSecret ? alive : `${alive}, no secret`,
  ]
}

/** Rows of cells as lines, each column as wide as its widest. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = heading.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  )
}

function objectOf({ name, hasSecret, record }: KeptHost): Readonly<Record<string, unknown>> {
  const { hostName, user, addresses = [], port, jump, road, aliveMs } = record ?? {}
  return { event: "host", host: name, hostName, user, addresses, port, jump, road, aliveMs, hasSecret }
}
