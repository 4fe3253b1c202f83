import { isAbsolute, join } from "node:path"
import { Fault } from "../errors.ts"
import { canonicalHost } from "./host-name.ts"
import { readSecretFile } from "./read-secret-file.ts"
import type { SecretEntry } from "./secret-file.ts"

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
    const cause = thrown instanceof Fault ? (thrown.cause as NodeJS.ErrnoException | undefined) : undefined
    if (cause?.code === "ENOENT") return undefined
    throw thrown
  }
}
