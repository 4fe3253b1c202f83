import { readdirSync } from "node:fs"
import { join } from "node:path"
import { canonicalHost, isHostName } from "./host-name.ts"
import { removePrivate, writePrivate } from "./private-file.ts"
import { readSecretFile } from "./read-secret-file.ts"
import { formatSecretLine, type SecretEntry } from "./secret-file.ts"

/**
 * Keeps a secret for `host` in a file of mode 0600 that appears whole or not at all. What was remembered for this host
 * before is replaced.
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
