import { readFileSync } from "node:fs"
import { join } from "node:path"
import { addressFamily } from "../wire/address.ts"
import { isGroupName } from "./fleet/group-name.ts"
import { canonicalHost, isHostName } from "./host-name.ts"
import { isTarget } from "./target.ts"

/**
 * All that is known of one host beside its secret: one JSON object in a file of its own, `NAME.json`, under these keys.
 * Undefined is what is not known. Holds nothing secret.
 */
export interface HostRecord {
  /** As typed when it was made: a name, an alias of ssh_config(5) or an address; without user and port. */
  readonly name: string
  /** HostName as `ssh -G` gives it. */
  readonly hostName?: string | undefined
  readonly user?: string | undefined
  /** Addresses at which it has answered, or that were typed; canonical, the one to try first in front. */
  readonly addresses: readonly string[]
  /** The port of its sshd. */
  readonly port?: number | undefined
  /** Jump hosts as ssh's ProxyJump has them. */
  readonly jump?: string | undefined
  /** How its knocks get there, where not by pings from here. */
  readonly road?: string | undefined
  /** The last authentic answer, in milliseconds since 1970. */
  readonly aliveMs?: number | undefined
  /** Its secret was made by `fw-knock enroll`: it outlives the session there. */
  readonly enrolled?: boolean | undefined
  /** The groups that it is a member of, in order, each once; here and nowhere else is it written who belongs to a group. */
  readonly groups?: readonly string[] | undefined
}

/** The end of a record's file name; in front of it stands the host's, in its canonical form. */
export const recordEnding = ".json"

/** The record that was made under this very name, whatever its case; undefined when there is none that can be read. */
export function readRecord(folder: string, name: string): HostRecord | undefined {
  const canonical = name.toLowerCase().replace(/\.$/, "")
  if (!isHostName(canonical)) return undefined
  try {
    return parseRecord(readFileSync(join(folder, canonical + recordEnding), "utf8"), canonical)
  } catch {
    return undefined // a host without a record is looked up as any other
  }
}

/** The record that a file holds; undefined when it holds none, or one of another name. */
export function parseRecord(text: string, canonical: string): HostRecord | undefined {
  try {
    const record = recordOf(JSON.parse(text))
    return record !== undefined && canonicalHost(record.name) === canonical ? record : undefined
  } catch {
    return undefined
  }
}

/** Whatever somebody has written into the file: parts of it go to ssh's command line, to sockets and to the terminal. */
function recordOf(found: unknown): HostRecord | undefined {
  if (typeof found !== "object" || found === null) return undefined
  const { name, hostName, user, addresses, port, jump, road, aliveMs, enrolled, groups } = found as Record<
    string,
    unknown
  >
  if (!isHost(name)) return undefined
  return {
    name,
    hostName: isHost(hostName) ? hostName : undefined,
    user: typeof user === "string" && isTarget(`${user}@${name}`) ? user : undefined,
    addresses: Array.isArray(addresses) ? addresses.filter(isAddress) : [],
    port: isPort(port) ? port : undefined,
    jump: typeof jump === "string" && jump.split(",").every(isTarget) ? jump : undefined,
    road: typeof road === "string" ? road : undefined,
    aliveMs: typeof aliveMs === "number" && aliveMs >= 0 ? aliveMs : undefined,
    ...(enrolled === true ? { enrolled } : {}),
    ...withGroups(Array.isArray(groups) ? groups.filter(isGroup) : []),
  }
}

/** The key of the groups, where there are any: in order and each once. */
export function withGroups(groups: readonly string[]): Pick<HostRecord, "groups"> {
  return groups.length === 0 ? {} : { groups: [...new Set(groups)].sort() }
}

const isGroup = (value: unknown): value is string => typeof value === "string" && isGroupName(value)

const isHost = (value: unknown): value is string =>
  typeof value === "string" && isHostName(value.toLowerCase().replace(/\.$/, ""))

const isPort = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65_535

const isAddress = (value: unknown): value is string => typeof value === "string" && addressFamily(value) !== 0
