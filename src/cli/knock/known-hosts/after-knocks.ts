import { join } from "node:path"
import { formatDuration } from "../../../report/duration.ts"
import type { HostRecord } from "../../../secrets/host-record.ts"
import { canonicalAddress, keepRecord, readRecord, readRecords } from "../../../secrets/host-records.ts"
import { rememberedSecret } from "../../../secrets/remembered.ts"
import { addressFamily } from "../../../wire/address.ts"
import type { Terminal } from "../../terminal/terminal.ts"
import { roadToKeep } from "../carriers.ts"
import { isCrowd } from "../crowd/crowd.ts"
import type { KnockEnd } from "../hosts.ts"
import type { KnockOptions } from "../options.ts"
import { hasSecret } from "./known-hosts.ts"
import { isOneHost } from "./same-host.ts"

/** A record that was alive so short a time ago is left as it is: not every one of many probes is to write. */
const freshMs = 60_000

/**
 * All that no knock had to wait for: keeps where and when the hosts answered, says which of them share a secret, and what else
 * may be meant by one that did not answer.
 */
export async function afterKnocks(
  ends: readonly KnockEnd[],
  { verb, secretFile, plain }: KnockOptions,
  terminal: Terminal,
  nowMs: number,
): Promise<void> {
  const crowd = isCrowd(ends.length)
  warnOfSharing(sharingSecrets(ends), crowd, terminal)
  await keepAnswers(ends, secretFile === undefined, crowd, nowMs)
  const silent = ends.filter(({ outcome }) => outcome.code === "no-answer")
  if (plain !== undefined || secretFile !== undefined) return
  if (crowd) doubtMany(silent, terminal)
  else for (const end of silent) doubt(end, verb, terminal, nowMs)
}

/** One warning, of however many. */
function warnOfSharing(pairs: readonly [string, string][], crowd: boolean, terminal: Terminal): void {
  const hint = "give every host its own: fw-knock secret HOST"
  const told = crowd ? pairs.slice(0, 1) : pairs
  for (const [one, other] of told) {
    const more = crowd && pairs.length > 1 ? `, and ${pairs.length - 1} more do with another host` : ""
    terminal.warn(
      `${one} and ${other} share one secret${more}: a knock for the one can be sent to the other`,
      hint,
    )
  }
}

/** A record that cannot be written stays as it was: the knock has worked all the same, and the next answer is kept. */
async function keepAnswers(
  ends: readonly KnockEnd[],
  byKeptSecret: boolean,
  crowd: boolean,
  nowMs: number,
): Promise<void> {
  const byFolder = new Map<string, HostRecord[]>()
  for (const end of ends) {
    const folder = end.host.folders?.records
    const record = recordBehind(end, byKeptSecret, crowd, nowMs)
    if (folder === undefined || record === undefined) continue
    const records = byFolder.get(folder) ?? []
    records.push(record)
    byFolder.set(folder, records)
  }
  for (const [folder, records] of byFolder)
    if (crowd) {
      // One sync for all of them: a sync each would take longer than all the knocks.
      const { keepRecords } = await import("../../../secrets/fleet/keep-records.ts")
      unlessItFails(() => keepRecords(folder, records, `${process.pid}`))
    } else for (const record of records) unlessItFails(() => keepRecord(folder, record))
}

function unlessItFails(keep: () => void): void {
  try {
    keep()
  } catch {
    // As it is said above.
  }
}

/** The record to keep behind an answer; undefined where there is no news. Of a crowd it is no news that one is alive. */
function recordBehind(
  { host, addresses, answeredFrom, carrier }: KnockEnd,
  byKeptSecret: boolean,
  crowd: boolean,
  nowMs: number,
): HostRecord | undefined {
  if (host.folders === undefined || answeredFrom === undefined) return undefined
  const kept = readRecord(host.folders.records, host.name) // as it is by now
  // What somebody tries with a file of his own is no host of this folder yet.
  if (kept === undefined && !(byKeptSecret && hasSecret(host))) return undefined
  const record = kept ?? { name: host.target.host, addresses: [] }
  const aliveAgoMs = nowMs - (record.aliveMs ?? 0)
  const isNew = !record.addresses.map(canonicalAddress).includes(canonicalAddress(answeredFrom))
  const road = roadToKeep(carrier)
  const isNews = isNew || record.road !== road
  if (!isNews && (crowd || (aliveAgoMs >= 0 && aliveAgoMs < freshMs))) return undefined
  const found = [answeredFrom, ...addresses, ...record.addresses].map(canonicalAddress)
  return { ...record, road, addresses: isNew ? [...new Set(found)] : record.addresses, aliveMs: nowMs }
}

function doubt(end: KnockEnd, verb: string, terminal: Terminal, nowMs: number): void {
  const { host, addresses } = end
  const other = otherSecretAt(host, addresses)
  if (other !== undefined)
    terminal.warn(`${other} is kept with the same address and another secret`, `fw-knock ${verb} ${other}`)
  const { record, folders, name } = host
  if (record === undefined || folders === undefined || !usedKeptAddresses(end)) return
  const alive =
    record.aliveMs === undefined ? "" : `, last alive ${formatDuration(nowMs - record.aliveMs)} ago`
  terminal.warn(
    `the addresses of ${host.typed} are kept and were not looked up: ${addresses.join(", ")}${alive}`,
    `if it has moved: fw-knock ${verb} ADDRESS --secret-file ${join(folders.secrets, name)}`,
  )
}

/** The same of a crowd, in one line. */
function doubtMany(silent: readonly KnockEnd[], terminal: Terminal): void {
  const count = silent.filter(usedKeptAddresses).length
  if (count > 0)
    terminal.warn(
      `the addresses of ${count} hosts that did not answer are kept and were not looked up`,
      "if they have moved: fw-knock probe one of them, which says more",
    )
}

/** No name was looked up for it. */
function usedKeptAddresses({ host: { record, target }, addresses }: KnockEnd): boolean {
  if (record === undefined || addressFamily(target.host) !== 0 || addresses.length === 0) return false
  return addresses.every((address) => record.addresses.includes(address))
}

/** Another host that is kept with one of these addresses: one of the two secrets is an old one. */
function otherSecretAt(
  { folders, name, secret }: KnockEnd["host"],
  addresses: readonly string[],
): string | undefined {
  if (folders === undefined || secret === undefined || !("secret" in secret)) return undefined
  const there = addresses.map(canonicalAddress)
  const records = readRecords(folders.records).filter((record) =>
    record.addresses.some((address) => there.includes(canonicalAddress(address))),
  )
  return [...there, ...records.map((record) => record.name)].find((other) => {
    if (canonicalAddress(other) === canonicalAddress(name)) return false
    try {
      const kept = rememberedSecret(folders.secrets, other)
      return kept !== undefined && Buffer.compare(kept.secret, secret.secret) !== 0
    } catch {
      return false // bad ones are spoken of when they are used
    }
  })
}

/** Pairs of hosts with one secret that are not one host, as far as names and addresses tell. */
function sharingSecrets(ends: readonly KnockEnd[]): [string, string][] {
  const pairs: [string, string][] = []
  const earlier = new Map<string, KnockEnd[]>()
  for (const end of ends) {
    const { secret, typed } = end.host
    if (secret === undefined || !("secret" in secret) || end.addresses.length === 0) continue
    const key = Buffer.from(secret.secret).toString("hex")
    const others = earlier.get(key) ?? []
    const stranger = others.find((other) => !isOneHost(other.host, other.addresses, end.host, end.addresses))
    if (stranger !== undefined) pairs.push([stranger.host.typed, typed])
    others.push(end)
    earlier.set(key, others)
  }
  return pairs
}
