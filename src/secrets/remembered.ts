import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs"
import { isAbsolute, join } from "node:path"
import { Fault } from "../errors.ts"
import { canonicalHost, isHostName } from "./host-name.ts"
import { readSecretFile } from "./read-secret-file.ts"
import { formatSecretLine, type SecretEntry } from "./secret-file.ts"

/**
 * The folder that holds one secret a file, each named by its host: `fw-knock/secrets` in the XDG configuration folder (XDG
 * Base Directory Specification; a relative XDG_CONFIG_HOME is to be ignored).
 */
export function secretFolder(env: Readonly<Record<string, string | undefined>>, home: string): string {
  const configured = env.XDG_CONFIG_HOME
  const base = configured !== undefined && isAbsolute(configured) ? configured : join(home, ".config")
  return join(base, "fw-knock", "secrets")
}

/** The secret remembered for `host`, or undefined when there is none. @throws Fault as `readSecretFile` */
export function rememberedSecret(folder: string, host: string): SecretEntry | undefined {
  try {
    return readSecretFile(join(folder, canonicalHost(host)))[0]
  } catch (thrown) {
    if (thrown instanceof Fault && errnoOf(thrown.cause) === "ENOENT") return undefined
    throw thrown
  }
}

/**
 * Keeps a secret for `host` in a file of mode 0600 that appears whole or not at all: written under another name, synced,
 * renamed. What was remembered for this host before is replaced.
 * @returns its path, and the other hosts for which the very same secret is remembered: a knock recorded on the way to one of
 *   them could be sent to the other
 * @throws Fault `permission` or `refused` when it cannot be written; nothing has changed then
 */
export function rememberSecret(
  folder: string,
  host: string,
  entry: Pick<SecretEntry, "secret" | "name">,
  random: string,
): { path: string; sharedWith: string[] } {
  const canonical = canonicalHost(host)
  const path = join(folder, canonical)
  const temporary = join(folder, `.${canonical}.${random}`)
  const line = `${formatSecretLine({ ...entry, host: canonical })}\n`
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeWhole(temporary, line)
    renameSync(temporary, path)
    syncFolder(folder)
  } catch (cause) {
    removeIfThere(temporary)
    throw cannotChange(`cannot remember the secret in ${path}`, cause)
  }
  return { path, sharedWith: hostsWith(entry.secret, folder).filter((other) => other !== canonical) }
}

/** Forgets the secret of `host`; false when none was remembered. @throws Fault `permission` or `refused` */
export function forgetSecret(folder: string, host: string): boolean {
  const path = join(folder, canonicalHost(host))
  try {
    unlinkSync(path)
    syncFolder(folder)
    return true
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return false
    throw cannotChange(`cannot forget the secret in ${path}`, cause)
  }
}

function hostsWith(secret: Uint8Array, folder: string): string[] {
  return readdirSync(folder).filter((name) => {
    if (!isHostName(name)) return false
    try {
      return readSecretFile(join(folder, name)).some((entry) => Buffer.compare(entry.secret, secret) === 0)
    } catch {
      return false // A bad file of another host is reported when that host is knocked at.
    }
  })
}

function writeWhole(path: string, text: string): void {
  const descriptor = openSync(path, "wx", 0o600) // O_EXCL: neither over a file nor through a link
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r")
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // It was never made, or has its final name.
  }
}

function cannotChange(what: string, cause: unknown): Fault {
  const errno = errnoOf(cause)
  const denied = errno === "EACCES" || errno === "EPERM" || errno === "EROFS"
  return new Fault(denied ? "permission" : "refused", `${what}: ${errno}`, { cause })
}

const errnoOf = (thrown: unknown): string =>
  (thrown as NodeJS.ErrnoException | undefined)?.code ?? "unknown error"
