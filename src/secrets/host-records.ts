import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { addressFamily, addressText, parseAddress } from "../wire/address.ts"
import { canonicalHost, isHostName } from "./host-name.ts"
import { removePrivate, writePrivate } from "./private-file.ts"
import { parseTarget, type Target } from "./target.ts"

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
}

const ending = ".json"

/** Every record of the folder that can be read and is one, by name; none when there is no folder. */
export function readRecords(folder: string): HostRecord[] {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    return []
  }
  return names
    .sort()
    .filter((name) => name.endsWith(ending))
    .map((name) => readRecord(folder, name.slice(0, -ending.length)))
    .filter((record) => record !== undefined)
}

/** The record that was made under this very name, whatever its case; undefined when there is none that can be read. */
export function readRecord(folder: string, name: string): HostRecord | undefined {
  const canonical = name.toLowerCase().replace(/\.$/, "")
  if (!isHostName(canonical)) return undefined
  try {
    const record = recordOf(JSON.parse(readFileSync(join(folder, canonical + ending), "utf8")))
    return record !== undefined && canonicalHost(record.name) === canonical ? record : undefined
  } catch {
    return undefined // a host without a record is looked up as any other
  }
}

/**
 * The record of the host that `target` names: by the name it was made under, by ssh's HostName, by an address. Of several
 * that fit equally well the one with the port, then with the user, then the one that was alive last.
 * @param target as typed, or what {@link parseTarget} made of it
 */
export function findRecord(records: readonly HostRecord[], target: Target | string): HostRecord | undefined {
  const { host, port, user } = typeof target === "string" ? parseTarget(target) : target
  const wanted = canonicalAddress(host)
  const rank = (record: HostRecord): number[] => [
    canonicalAddress(record.name) === wanted
      ? 3
      : record.hostName !== undefined && canonicalAddress(record.hostName) === wanted
        ? 2
        : record.addresses.some((address) => canonicalAddress(address) === wanted)
          ? 1
          : 0,
    Number(port !== undefined && record.port === port),
    Number(user !== undefined && record.user === user),
    record.aliveMs ?? 0,
  ]
  const [best] = records
    .map((record) => ({ record, rank: rank(record) }))
    .filter((each) => each.rank[0] !== 0)
    .sort((one, other) => compare(other.rank, one.rank))
  return best?.record
}

/**
 * Keeps a record in place of the one of the same name, so that after a crash there is the old one or the new one, whole.
 * @throws Fault `usage` for a name that is none, `permission` or `refused` when it cannot be written
 */
export function keepRecord(folder: string, record: HostRecord): void {
  const path = join(folder, canonicalHost(record.name) + ending)
  const { name, hostName, user, addresses, port, jump, road, aliveMs } = record
  const kept = { name, hostName, user, addresses, port, jump, road, aliveMs }
  writePrivate(path, `${JSON.stringify(kept)}\n`, "keep the record", String(process.pid))
}

/** Removes the record made under this name; false when there is none. @throws Fault as {@link keepRecord} */
export function forgetRecord(folder: string, name: string): boolean {
  return removePrivate(join(folder, canonicalHost(name) + ending), "forget the record")
}

/** All that a host is called: the names and the addresses of its record. */
export function namesOf({ name, hostName, addresses }: HostRecord): string[] {
  return [name, ...(hostName === undefined ? [] : [hostName]), ...addresses]
}

/** A host as it is compared: one address has many texts. */
export function canonicalAddress(host: string): string {
  const canonical = host.toLowerCase().replace(/\.$/, "")
  const [address = "", ...zone] = canonical.split("%")
  const bytes = parseAddress(address)
  return bytes === undefined ? canonical : [addressText(bytes), ...zone].join("%")
}

const compare = (one: readonly number[], other: readonly number[]): number =>
  one.map((value, index) => value - (other[index] ?? 0)).find((difference) => difference !== 0) ?? 0

/** Whatever somebody has written into the file: parts of it go to ssh's command line, to sockets and to the terminal. */
function recordOf(found: unknown): HostRecord | undefined {
  if (typeof found !== "object" || found === null) return undefined
  const { name, hostName, user, addresses, port, jump, road, aliveMs } = found as Record<string, unknown>
  if (!isHost(name)) return undefined
  return {
    name,
    hostName: isHost(hostName) ? hostName : undefined,
    user: typeof user === "string" && isTarget(`${user}@${name}`) ? user : undefined,
    addresses: Array.isArray(addresses) ? addresses.filter(isAddress) : [],
    port: typeof port === "number" && isTarget(`[::]:${port}`) ? port : undefined,
    jump: typeof jump === "string" && jump.split(",").every(isTarget) ? jump : undefined,
    road: typeof road === "string" ? road : undefined,
    aliveMs: typeof aliveMs === "number" && aliveMs >= 0 ? aliveMs : undefined,
  }
}

const isHost = (value: unknown): value is string =>
  typeof value === "string" && isHostName(value.toLowerCase().replace(/\.$/, ""))

const isAddress = (value: unknown): value is string => typeof value === "string" && addressFamily(value) !== 0

function isTarget(text: string): boolean {
  try {
    parseTarget(text)
    return true
  } catch {
    return false
  }
}
