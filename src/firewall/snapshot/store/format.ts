import { createHash } from "node:crypto"
import { Fault } from "../../../errors.ts"
import { type KernelPrint, keepPrint, printOf } from "../nft/print.ts"
import type { NftTableCopy } from "../nft-table.ts"
import type { Snapshot } from "../snapshot.ts"

/**
 * A snapshot as a file: a first line that names the format and the SHA-256 of the rest, then the snapshot as JSON.
 *
 *     fw-watchdog snapshot 1 5d0c...\n
 *     {"version":1,"takenAtMs":...}\n
 */

const magic = "fw-watchdog snapshot 1"

export function encodeSnapshot(snapshot: Snapshot): string {
  const nftTables = snapshot.nftTables.map((copy) => ({ ...copy, kernel: printOf(copy) }))
  const body = `${JSON.stringify({ ...snapshot, nftTables })}\n`
  return `${magic} ${digest(body)}\n${body}`
}

/**
 * Reads what {@link encodeSnapshot} wrote. The digest finds what a disk or an editor did to it; who may write the file
 * at all is the store's question.
 * @throws Fault `configuration` for anything else
 */
export function decodeSnapshot(text: string, name: string): Snapshot {
  const end = text.indexOf("\n")
  const head = text.slice(0, Math.max(end, 0))
  const body = text.slice(end + 1)
  if (!head.startsWith(`${magic} `))
    throw unreadable(name, `it begins with "${printable(head)}", "${magic}" is wanted`)
  if (head !== `${magic} ${digest(body)}`)
    throw unreadable(name, "its digest does not match: it was cut off or changed")
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch (cause) {
    throw unreadable(name, "its content is not JSON", cause)
  }
  if (!isSnapshot(value)) throw unreadable(name, "its content is not a snapshot of version 1")
  return { ...value, nftTables: value.nftTables.map(withPrint) }
}

/** A table as it is in the file, with its print beside it. */
type StoredTable = NftTableCopy & { readonly kernel?: KernelPrint }

function withPrint({ kernel, ...copy }: StoredTable): NftTableCopy {
  if (kernel !== undefined) keepPrint(copy, kernel)
  return copy
}

function isSnapshot(value: unknown): value is Snapshot & { readonly nftTables: readonly StoredTable[] } {
  const s = value as Partial<Record<keyof Snapshot, unknown>> | null
  return (
    typeof s === "object" &&
    s !== null &&
    s.version === 1 &&
    Number.isFinite(s.takenAtMs) &&
    typeof s.reason === "string" &&
    areRecords(s.ipsets, { name: isString, header: isString, elements: areStrings }) &&
    areRecords(s.nftTables, tableFields) &&
    areRecords(s.legacyTables, { backend: isString, section: isSection }) &&
    (s.made === undefined || areStrings(s.made)) &&
    areRecords(s.unread, { where: isString, why: isString })
  )
}

type Check = (value: unknown) => boolean
const isString: Check = (value) => typeof value === "string"
const isObject: Check = (value) => typeof value === "object" && value !== null
const areStrings: Check = (value) => Array.isArray(value) && value.every(isString)
const isSection: Check = (value) =>
  hasFields(value, { table: isString, chains: areStrings, rules: areStrings })
/** Where there was no nft, or no save of a table, JSON leaves the field out. */
const isListing: Check = (value) =>
  value === undefined ||
  (hasFields(value, { family: isString, name: isString, attributes: areStrings }) &&
    areRecords((value as { blocks?: unknown }).blocks, { kind: isString, name: isString, lines: areStrings }))
const isOptionalSection: Check = (value) => value === undefined || isSection(value)
const isView: Check = (value) => ["nft", "iptables", "both", "none"].includes(String(value))
const arePlaces: Check = (value) =>
  isObject(value) &&
  Object.values(value as object).every((places) => Array.isArray(places) && places.every(Number.isInteger))
const tableFields: Record<string, Check> = {
  family: isString,
  name: isString,
  listed: isListing,
  saved: isOptionalSection,
  xtRules: arePlaces,
  foreignRules: (value) => value === undefined || arePlaces(value),
  view: isView,
  kernel: (value) => value === undefined || hasFields(value, { print: isString, commits: isObject }),
  owned: (value) => typeof value === "boolean",
}

function areRecords(value: unknown, fields: Record<string, Check>): boolean {
  return Array.isArray(value) && value.every((one) => hasFields(one, fields))
}

function hasFields(value: unknown, fields: Record<string, Check>): boolean {
  if (!isObject(value)) return false
  return Object.entries(fields).every(([name, check]) => check((value as Record<string, unknown>)[name]))
}

function unreadable(name: string, why: string, cause?: unknown): Fault {
  return new Fault("configuration", `cannot read snapshot ${name}: ${why}`, {
    hint: "take another snapshot, or remove this file",
    cause,
  })
}

function printable(text: string): string {
  return text.slice(0, 40).replace(/[^\x20-\x7e]/g, "?")
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}
