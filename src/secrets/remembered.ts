import { readdirSync } from "node:fs"
import { isAbsolute, join } from "node:path"
import { Fault } from "../errors.ts"
import { canonicalHost, isHostName } from "./host-name.ts"
import { errnoOf, removePrivate, writePrivate } from "./private-file.ts"
import { readSecretFile } from "./read-secret-file.ts"
import { formatSecretLine, type SecretEntry } from "./secret-file.ts"

/**
 * The folder that holds one secret a file, each named by its host: `fw-knock/secrets` in the XDG configuration folder (XDG
 * Base Directory Specification; a relative XDG_CONFIG_HOME is to be ignored).
 */
export function secretFolder(env: Readonly<Record<string, string | undefined>>, home: string): string {
  return join(configurationFolder(env, home), "secrets")
}

/** The folder that holds one record a host, beside the secrets: `fw-knock/hosts`. */
export function recordFolder(env: Readonly<Record<string, string | undefined>>, home: string): string {
  return join(configurationFolder(env, home), "hosts")
}

function configurationFolder(env: Readonly<Record<string, string | undefined>>, home: string): string {
  const configured = env.XDG_CONFIG_HOME
  const base = configured !== undefined && isAbsolute(configured) ? configured : join(home, ".config")
  return join(base, "fw-knock")
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
 * Keeps a secret for `host` in a file of mode 0600 that appears whole or not at all. What was remembered for this host before is replaced.
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
  const line = `${formatSecretLine({ ...entry, host: canonical })}\n`
  writePrivate(path, line, "remember the secret", random)
  return { path, sharedWith: hostsWith(entry.secret, folder).filter((other) => other !== canonical) }
}

/** Forgets the secret of `host`; false when none was remembered. @throws Fault `permission` or `refused` */
export function forgetSecret(folder: string, host: string): boolean {
  return removePrivate(join(folder, canonicalHost(host)), "forget the secret")
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
