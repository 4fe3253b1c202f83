import { readFileSync } from "node:fs"
import { Fault } from "../errors.ts"

/** The fields of /proc/PID/status that say what a process may do; see proc(5). */
export interface ProcessPrivileges {
  readonly uids: readonly number[]
  readonly gids: readonly number[]
  readonly groups: readonly number[]
  /** Inheritable, permitted, effective, bounding, ambient, as bit sets. */
  readonly capabilities: Readonly<Record<"CapInh" | "CapPrm" | "CapEff" | "CapBnd" | "CapAmb", bigint>>
  readonly noNewPrivileges: boolean
}

/** CAP_SETGID (6), CAP_SETUID (7), CAP_NET_RAW (13): what the listener needs to begin; include/uapi/linux/capability.h. */
const startingCapabilities = (1n << 6n) | (1n << 7n) | (1n << 13n)

/** CAP_NET_RAW alone: what a listener keeps that was started as another user already; see guard/listeners/spawn.ts. */
const netRaw = 1n << 13n

/** Reads the text of a /proc/PID/status file. */
export function parsePrivileges(status: string): ProcessPrivileges {
  const field = (name: string): string =>
    new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(status)?.[1]?.trim() ?? ""
  const numbers = (name: string): number[] => field(name).split(/\s+/).filter(Boolean).map(Number)
  const bits = (name: string): bigint => BigInt(`0x${field(name) || "ffffffffffffffff"}`)
  return {
    uids: numbers("Uid"),
    gids: numbers("Gid"),
    groups: numbers("Groups"),
    capabilities: {
      CapInh: bits("CapInh"),
      CapPrm: bits("CapPrm"),
      CapEff: bits("CapEff"),
      CapBnd: bits("CapBnd"),
      CapAmb: bits("CapAmb"),
    },
    noNewPrivileges: field("NoNewPrivs") === "1",
  }
}

/**
 * Privileges that are still too much; empty when the process is as powerless as it has to be.
 * @param kept capabilities that may be left
 */
export function excessPrivileges(now: ProcessPrivileges, uid: number, gid: number, kept = 0n): string[] {
  const excess: string[] = []
  if (uid === 0 || now.uids.length !== 4 || now.uids.some((id) => id !== uid))
    excess.push(`user ids ${now.uids.join(" ")}`)
  if (gid === 0 || now.gids.length !== 4 || now.gids.some((id) => id !== gid))
    excess.push(`group ids ${now.gids.join(" ")}`)
  if (now.groups.length > 0) excess.push(`supplementary groups ${now.groups.join(" ")}`)
  for (const name of ["CapInh", "CapPrm", "CapEff", "CapAmb"] as const)
    if ((now.capabilities[name] & ~kept) !== 0n) excess.push(`${name} ${now.capabilities[name].toString(16)}`)
  if ((now.capabilities.CapBnd & ~startingCapabilities) !== 0n)
    excess.push(`CapBnd ${now.capabilities.CapBnd.toString(16)}`)
  if (!now.noNewPrivileges) excess.push("no_new_privs is off")
  return excess
}

/**
 * Gives up root for good and looks in /proc/self that it is so. Groups first: after setuid nothing of this is allowed
 * any more (setgroups(2), setgid(2), setuid(2)). Every module must be loaded before: nobody cannot read a 0700 folder.
 * @throws Fault `permission` when anything is left that should be gone.
 */
export function dropPrivileges(uid: number, gid: number): void {
  const startedAsUser = process.getuid?.() === uid
  if (!startedAsUser) {
    process.setgroups?.([])
    process.setgid?.(gid)
    process.setuid?.(uid)
  }
  const now = parsePrivileges(readFileSync("/proc/self/status", "utf8"))
  const excess = excessPrivileges(now, uid, gid, startedAsUser ? netRaw : 0n)
  if (excess.length > 0)
    throw new Fault("permission", `the listener kept privileges that it must not have: ${excess.join(", ")}`)
}
