import { formatDuration } from "../../../report/duration.ts"
import { exitCodeFor } from "../../../report/outcome.ts"
import type { Terminal } from "../../terminal/terminal.ts"
import { membersOf } from "./groups.ts"
import type { KeptHost } from "./kept-records.ts"
import type { KnownHosts } from "./known-hosts.ts"

const heading = ["HOST", "ADDRESSES", "PORT", "JUMP", "LAST ALIVE"]

/**
 * `fw-knock list`: the hosts that are kept; under sudo the caller's too, but those that root's own stand in front of.
 * @param group only its members, `@GROUP`; undefined for all
 * @throws Fault `usage` for a group that is none
 */
export async function list(
  terminal: Terminal,
  known: KnownHosts,
  nowMs: number,
  group?: string,
): Promise<number> {
  const all = await known.kept()
  const kept = group === undefined ? all : membersOf(all, group)
  if (terminal.json) for (const host of kept) terminal.object(objectOf(host))
  else if (kept.length === 0) {
    const folders = await known.allFolders()
    terminal.say(`no host is remembered in ${folders.map(({ secrets }) => secrets).join(" or ")}`)
  } else for (const line of table(kept, nowMs)) terminal.result(line)
  return exitCodeFor("done")
}

function table(kept: readonly KeptHost[], nowMs: number): string[] {
  const grouped = kept.some(({ record }) => record?.groups !== undefined)
  const rows = kept.map((host) => [
    ...cells(host, nowMs),
    ...(grouped ? [host.record?.groups?.join(",") ?? "-"] : []),
  ])
  return aligned([grouped ? [...heading, "GROUPS"] : heading, ...rows])
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
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  )
}

function objectOf({ name, hasSecret, record }: KeptHost): Readonly<Record<string, unknown>> {
  const { hostName, user, addresses = [], port, jump, road, aliveMs, groups } = record ?? {}
  return {
    event: "host",
    host: name,
    hostName,
    user,
    addresses,
    port,
    jump,
    road,
    aliveMs,
    groups,
    hasSecret,
  }
}
