import { Fault } from "../errors.ts"
import { formatSecret, parseSecret } from "./secret.ts"

/** One line of a secret file: `HOST fwk1-... [NAME]`. */
export interface SecretEntry {
  /** The host this secret opens, in lower case; undefined for a bare secret. */
  readonly host: string | undefined
  /** The name of its holder, for log and status; no part of the protocol. */
  readonly name: string | undefined
  readonly secret: Uint8Array
  /** Its line in the file, counted from 1. */
  readonly line: number
}

/** Most secrets of one server: each one's tag is compared in the kernel's packet filter. */
export const mostSecrets = 64

/** The most that one file may hold. */
export interface SecretFileLimits {
  readonly entries: number
  readonly bytes: number
}

/** A server's file, and that of one host. */
export const serverLimits: SecretFileLimits = { entries: mostSecrets, bytes: 65_536 }

/** A workstation's file for all of its hosts. */
export const clientLimits: SecretFileLimits = { entries: 100_000, bytes: 16 * 1024 * 1024 }

const hostPattern = /^[a-z0-9_]([a-z0-9._:%-]{0,252})$|^::[a-z0-9:.%-]{0,60}$/
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,31}$/
const looksLikeSecret = /^fwk[1il]/i

/** True for the name of a secret's holder. */
export function isSecretName(text: string): boolean {
  return namePattern.test(text)
}

/**
 * Reads the text of a secret file: one `HOST fwk1-... [NAME]` a line, `#` begins a comment, blank lines are nothing. One
 * bare secret without a host is allowed as the only entry. Two equal secrets are refused: one secret, one host.
 *
 * @param text the whole file
 * @param source what to call it in messages, such as its path
 * @returns at least one and at most `limits.entries`, in the file's order
 * @throws Fault `configuration` with the line's number, never with its content.
 */
export function parseSecretFile(
  text: string,
  source: string,
  { entries: most }: Pick<SecretFileLimits, "entries"> = serverLimits,
): SecretEntry[] {
  const entries: SecretEntry[] = []
  const seen = new Map<string, number>()
  for (const [index, content] of text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    const line = index + 1
    const entry = parseSecretLine(content, line, source)
    if (entry === undefined) continue
    const key = Buffer.from(entry.secret).toString("hex")
    const twin = seen.get(key)
    if (twin !== undefined)
      throw bad(
        source,
        line,
        `is the same secret as line ${twin}`,
        "give every host its own: fw-knock secret HOST",
      )
    seen.set(key, line)
    entries.push(entry)
    if (entries.length > most) throw bad(source, line, `is one secret more than ${most}`)
  }
  if (entries.length === 0)
    throw new Fault("configuration", `${source} holds no secret, one line HOST fwk1-... is wanted`, {
      hint: "fw-knock secret HOST prints a new line",
    })
  const bare = entries.length > 1 ? entries.find((entry) => entry.host === undefined) : undefined
  if (bare !== undefined)
    throw bad(source, bare.line, "names no host, which only a file with a single secret may do")
  return entries
}

/**
 * Reads one line of a secret file.
 * @returns the entry, or undefined for a blank line or a comment
 * @throws Fault `configuration` with `source` and `line`, never with the content.
 */
export function parseSecretLine(content: string, line: number, source: string): SecretEntry | undefined {
  const words = wordsOf(content)
  const first = words[0]
  if (first === undefined) return undefined
  const [host, written, name, ...rest] = looksLikeSecret.test(first) ? [undefined, ...words] : words
  if (written === undefined) throw bad(source, line, "holds no secret, HOST fwk1-... [NAME] is wanted")
  if (rest.length > 0) throw bad(source, line, "holds more than HOST fwk1-... [NAME]")
  if (host !== undefined && !hostPattern.test(host.toLowerCase()))
    throw bad(source, line, "begins with something that is no host name or address")
  if (name !== undefined && !isSecretName(name))
    throw bad(source, line, "ends with a name that is not 1 to 32 letters, digits, or . _ @ -")
  const parsed = parseSecret(written)
  if (!parsed.ok) throw bad(source, line, `holds no good secret: ${parsed.problem.message}`)
  return { host: host?.toLowerCase(), name, secret: parsed.secret, line }
}

/** One line for a secret file, without a line end; {@link parseSecretLine} reads it back. */
export function formatSecretLine(entry: Pick<SecretEntry, "host" | "name" | "secret">): string {
  return [entry.host, formatSecret(entry.secret), entry.name].filter((word) => word !== undefined).join(" ")
}

/** The entries of a file by the hosts that they name, for many questions. */
export interface SecretIndex {
  readonly entries: readonly SecretEntry[]
  readonly byHost: ReadonlyMap<string, readonly SecretEntry[]>
}

export function indexSecrets(entries: readonly SecretEntry[]): SecretIndex {
  const byHost = new Map<string, SecretEntry[]>()
  for (const entry of entries) {
    if (entry.host === undefined) continue
    const host = canonicalHost(entry.host)
    const others = byHost.get(host)
    if (others === undefined) byHost.set(host, [entry])
    else others.push(entry)
  }
  return { entries, byHost }
}

/** True when a line names the host exactly. */
export function namesHost({ byHost }: SecretIndex, host: string): boolean {
  return byHost.has(canonicalHost(host))
}

/**
 * The secret that `fw-knock` uses for a host: the only one in the file, whatever it is called, or else the one whose line
 * names the host exactly (case and a final dot aside; names are not resolved).
 * @throws Fault `configuration` when several lines could be meant or none is.
 */
export function selectSecret({ entries, byHost }: SecretIndex, host: string): SecretEntry {
  const only = entries.length === 1 ? entries[0] : undefined
  if (only !== undefined) return only
  const [match, second] = byHost.get(canonicalHost(host)) ?? []
  if (match === undefined)
    throw new Fault("configuration", `none of ${entries.length} secrets names ${host}`, {
      hint: `add a line for it: fw-knock remember ${host}`,
    })
  if (second !== undefined)
    throw new Fault(
      "configuration",
      `lines ${match.line} and ${second.line} both name ${host}, one is wanted`,
    )
  return match
}

const canonicalHost = (host: string): string => host.toLowerCase().replace(/\.$/, "")

/** A `#` begins a comment only at the start of a word, so that it may stand behind an entry. */
function wordsOf(content: string): string[] {
  const words = content.split(/\s+/).filter((word) => word !== "")
  const comment = words.findIndex((word) => word.startsWith("#"))
  return comment < 0 ? words : words.slice(0, comment)
}

function bad(source: string, line: number, what: string, hint?: string): Fault {
  return new Fault("configuration", `${source} line ${line} ${what}`, hint === undefined ? {} : { hint })
}
