import { Fault } from "../../errors.ts"
import { readSecretFile } from "../../secrets/read-secret-file.ts"
import { rememberedSecret } from "../../secrets/remembered.ts"
import {
  clientLimits,
  indexSecrets,
  namesHost,
  parseSecretFile,
  parseSecretLine,
  type SecretEntry,
  type SecretIndex,
  selectSecret,
} from "../../secrets/secret-file.ts"
import type { ProgramHost } from "../terminal/terminal.ts"
import { type KnownHost, KnownHosts } from "./known-hosts/known-hosts.ts"
import type { KnockOptions } from "./options.ts"

/** A host to knock at, and its secret, or why it has none. */
export interface WantedHost extends KnownHost {
  readonly secret: SecretEntry | Fault | undefined
}

/**
 * The hosts of a command line with what is kept of them here, and their secrets: out of --secret-file, else remembered. A
 * host whose secret is bad has the fault in its place; where there is none it is undefined.
 * @throws Fault `permission` or `configuration` for a bad --secret-file
 */
export async function wantedHosts(
  { hosts, secretFile, plain }: KnockOptions,
  known: KnownHosts,
  host: ProgramHost,
): Promise<WantedHost[]> {
  const entries = secretFile === undefined ? undefined : await readEntries(secretFile, host)
  return await Promise.all(
    hosts.map(async (typed) => {
      const found = await known.find(typed)
      if (plain !== undefined) return { ...found, secret: undefined }
      return {
        ...found,
        secret: await orFault(() => (entries === undefined ? kept(found) : selectFor(entries, found))),
      }
    }),
  )
}

/** For so many hosts at most somebody is asked to type secrets. */
const mostAsked = 10

/**
 * Asks for the secrets that are missing, one after the other, until somebody cancels: then the rest have that fault. Where
 * many are missing nobody is asked.
 */
export async function askForSecrets(hosts: readonly WantedHost[], host: ProgramHost): Promise<WantedHost[]> {
  if (hosts.length > mostAsked) return hosts.map((wanted) => ({ ...wanted, secret: lacking(wanted) }))
  const asked: WantedHost[] = []
  let cancelled: Fault | undefined
  for (const wanted of hosts) {
    const secret = cancelled ?? (await orFault(() => askFor(wanted, host)))
    if (secret instanceof Fault && secret.code === "refused") cancelled = secret
    asked.push({ ...wanted, secret })
  }
  return asked
}

/** The secret to remember for a host: typed on a terminal, or from standard input. @throws Fault as `wantedHosts` */
export async function newSecretFor(known: KnownHost, host: ProgramHost): Promise<SecretEntry> {
  if (host.stdin.isTTY === true) return await ask(known, host)
  return selectFor(await readEntries("-", host), known)
}

function kept({ folders, name }: KnownHost): SecretEntry | undefined {
  return folders && rememberedSecret(folders.secrets, name)
}

/** A line may name a host in any of the ways in which it is known here. */
function selectFor(secrets: SecretIndex, { target, record }: KnownHost): SecretEntry {
  const { name, hostName, addresses = [] } = record ?? {}
  const names = [target.host, name, hostName, ...addresses].filter((each) => each !== undefined)
  return selectSecret(secrets, names.find((each) => namesHost(secrets, each)) ?? target.host)
}

async function readEntries(path: string, host: ProgramHost): Promise<SecretIndex> {
  if (path !== "-") return indexSecrets(readSecretFile(path, clientLimits))
  const { readInput } = await import("../terminal/prompt.ts")
  const text = await readInput(host, clientLimits.bytes, "a secret file")
  return indexSecrets(parseSecretFile(text, "standard input", clientLimits))
}

const lacking = ({ typed }: KnownHost): Fault =>
  new Fault("usage", `no secret is remembered for ${typed}`, {
    hint: `give --secret-file FILE, or once: fw-knock remember ${typed}`,
  })

async function askFor(known: KnownHost, host: ProgramHost): Promise<SecretEntry> {
  if (host.stdin.isTTY === true && host.stderr.isTTY === true) return await ask(known, host)
  const looked = await new KnownHosts(host).allFolders()
  const where = looked.map(({ secrets }) => secrets).join(", ")
  throw new Fault("usage", `no secret is remembered for ${known.typed}, and there is no terminal to ask on`, {
    hint: `give --secret-file FILE, or once: fw-knock remember ${known.typed} (looked in ${where})`,
  })
}

async function ask({ typed }: KnownHost, host: ProgramHost): Promise<SecretEntry> {
  const { askSecret } = await import("../terminal/prompt.ts")
  const entry = parseSecretLine(
    await askSecret(`secret for ${typed} (not shown): `, host),
    1,
    "what was typed,",
  )
  if (entry === undefined) throw new Fault("configuration", "nothing was typed, a secret fwk1-... is wanted")
  return entry
}

async function orFault<T>(get: () => T | Promise<T>): Promise<T | Fault> {
  try {
    return await get()
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown
    throw thrown
  }
}
