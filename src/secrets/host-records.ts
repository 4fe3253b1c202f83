import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { addressText, parseAddress } from "../wire/address.ts"
import { canonicalHost } from "./host-name.ts"
import { type HostRecord, parseRecord, recordEnding, withGroups } from "./host-record.ts"
import { removePrivate, writePrivate } from "./private-file.ts"
import { parseTarget, type Target } from "./target.ts"

export { type HostRecord, readRecord } from "./host-record.ts"

/** The text of one record's file, and the name that the file has. */
export interface RecordText {
  readonly name: string
  readonly text: string
}

/** Every record of the folder that can be read and is one, by name; none when there is no folder. */
export function readRecords(folder: string): HostRecord[] {
  return readRecordTexts(folder)
    .map(({ name, text }) => parseRecord(text, name))
    .filter((record) => record !== undefined)
}

/** The same unread: most of many are not asked about, and to look for a host in a text is quick. */
export function readRecordTexts(folder: string): RecordText[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith(recordEnding))
      .sort()
      .flatMap((file) => {
        try {
          return { name: file.slice(0, -recordEnding.length), text: readFileSync(join(folder, file), "utf8") }
        } catch {
          return [] // as one that is broken
        }
      })
  } catch {
    return []
  }
}

/** The record among these that `findRecord` would find among all of them. */
export function findRecordIn(texts: readonly RecordText[], target: Target): HostRecord | undefined {
  const wanted = canonicalAddress(target.host).toLowerCase()
  const records = texts
    .filter(({ text }) => {
      const lower = text.toLowerCase()
      return lower.includes(`"${wanted}"`) || lower.includes(`"${wanted}."`)
    })
    .map(({ name, text }) => parseRecord(text, name))
  return findRecord(
    records.filter((record) => record !== undefined),
    target,
  )
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
  const path = join(folder, recordFile(record))
  writePrivate(path, recordText(record), "keep the record", String(process.pid))
}

/** The name of a record's file. @throws Fault `usage` for a name that is none */
export function recordFile({ name }: HostRecord): string {
  return canonicalHost(name) + recordEnding
}

/** The whole of a record's file: its keys in one order, so that equal records are equal texts. */
export function recordText(record: HostRecord): string {
  const { name, hostName, user, port, jump, road, aliveMs, enrolled, groups = [] } = record
  const addresses = [...new Set(record.addresses.map(canonicalAddress))]
  const kept = {
    name,
    hostName,
    user,
    addresses,
    port,
    jump,
    road,
    aliveMs,
    ...(enrolled === true ? { enrolled } : {}),
    ...withGroups(groups),
  }
  return `${JSON.stringify(kept)}\n`
}

/** Removes the record made under this name; false when there is none. @throws Fault as {@link keepRecord} */
export function forgetRecord(folder: string, name: string): boolean {
  return removePrivate(join(folder, canonicalHost(name) + recordEnding), "forget the record")
}

/** All that a host is called: the names and the addresses of its record. */
export function namesOf({ name, hostName, addresses }: HostRecord): string[] {
  return [name, ...(hostName === undefined ? [] : [hostName]), ...addresses]
}

/** A host as it is compared: one address has many texts. The zone of an address stays as it is. */
export function canonicalAddress(host: string): string {
  const [address = "", ...zone] = host.split("%")
  const bytes = parseAddress(address)
  return bytes === undefined ? host.toLowerCase().replace(/\.$/, "") : [addressText(bytes), ...zone].join("%")
}

const compare = (one: readonly number[], other: readonly number[]): number =>
  one.map((value, index) => value - (other[index] ?? 0)).find((difference) => difference !== 0) ?? 0
