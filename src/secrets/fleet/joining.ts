import { canonicalHost } from "../host-name.ts"
import { type HostRecord, withGroups } from "../host-record.ts"
import { canonicalAddress, findRecord, recordText } from "../host-records.ts"
import type { RecordIndex } from "./record-index.ts"

/** A host as an inventory or a list names it; undefined is what it does not say. */
export type NamedHost = Pick<HostRecord, "name" | "hostName" | "user" | "addresses" | "port" | "jump"> & {
  readonly groups: readonly string[]
}

/** The records that are to be kept, and how many hosts are which. */
export interface Joined {
  /** Those that are new or other than before, and no others. */
  readonly records: readonly HostRecord[]
  readonly added: number
  readonly changed: number
  readonly unchanged: number
  /** Hosts that are not named any more, and left a group. */
  readonly left: number
}

/**
 * Joins named hosts to the records that are kept. A host that is kept already, under this name or another that it goes by,
 * keeps its record with all that answered there; a host that is new gets one. The groups that are named have the named
 * members from now on; all others stay as they are.
 * @param named each name once, whatever its case
 * @param whole hosts that are not named leave the groups that are; else they stay
 */
export function joinHosts(kept: RecordIndex, named: readonly NamedHost[], whole: boolean): Joined {
  const groups = new Set(named.flatMap((host) => host.groups))
  const found = recordsOf(kept, named)
  const joined = named.map((host, index) => joinedTo(found[index], host, groups))
  const added = joined.filter((_, index) => found[index] === undefined)
  const changed = joined.filter((record, index) => isOther(found[index], record))
  const taken = new Set(found)
  const left = whole
    ? kept.records
        .filter((record) => !taken.has(record) && record.groups?.some((group) => groups.has(group)))
        .map((record) => without(record, groups))
    : []
  return {
    records: [...added, ...changed, ...left],
    added: added.length,
    changed: changed.length,
    unchanged: named.length - added.length - changed.length,
    left: left.length,
  }
}

/** The record of each, or undefined; none is given to two. A record's own name goes before all others that it has. */
function recordsOf(kept: RecordIndex, named: readonly NamedHost[]): (HostRecord | undefined)[] {
  const own = named.map(({ name }) => kept.named(canonicalHost(name)))
  const taken = new Set(own)
  return named.map((host, index) => {
    const record = own[index] ?? calledLike(kept, host, taken)
    taken.add(record)
    return record
  })
}

/** By its name; by where it is only on the same ssh port: behind one address there may be many hosts. */
function calledLike(
  kept: RecordIndex,
  host: NamedHost,
  taken: ReadonlySet<HostRecord | undefined>,
): HostRecord | undefined {
  const free = (calling: string): HostRecord[] => kept.called(calling).filter((record) => !taken.has(record))
  const places = [...(host.hostName === undefined ? [] : [host.hostName]), ...host.addresses]
  const ways = [
    () => findRecord(free(host.name), { host: host.name, port: host.port, user: host.user }),
    ...places.map((place) => () => {
      const there = free(place).filter((record) => (record.port ?? 22) === (host.port ?? 22))
      return findRecord(there, { host: place, port: host.port, user: host.user })
    }),
  ]
  for (const look of ways) {
    const record = look()
    if (record !== undefined) return record
  }
  return undefined
}

function joinedTo(record: HostRecord | undefined, host: NamedHost, groups: ReadonlySet<string>): HostRecord {
  const { name, hostName, user, port, jump } = host
  if (record === undefined)
    return { name, hostName, user, addresses: host.addresses, port, jump, ...withGroups(host.groups) }
  const known = new Set(record.addresses.map(canonicalAddress))
  const fresh = host.addresses.filter((address) => !known.has(canonicalAddress(address)))
  // By another of its names ssh may go another way: the one that belongs to the record's name stays.
  const isOwn = canonicalHost(record.name) === canonicalHost(name)
  const [first, second] = isOwn ? [host, record] : [record, host]
  return {
    ...without(record, groups),
    hostName: first.hostName ?? second.hostName,
    user: first.user ?? second.user,
    addresses: [...fresh, ...record.addresses],
    port: first.port ?? second.port,
    jump: record.jump ?? jump,
    ...withGroups([...(without(record, groups).groups ?? []), ...host.groups]),
  }
}

function without(record: HostRecord, groups: ReadonlySet<string>): HostRecord {
  const { groups: before = [], ...rest } = record
  return { ...rest, ...withGroups(before.filter((group) => !groups.has(group))) }
}

const isOther = (old: HostRecord | undefined, record: HostRecord): boolean =>
  old !== undefined && recordText(old) !== recordText(record)
