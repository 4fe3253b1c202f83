import { Fault } from "../../errors.ts"
import { readSecretFile } from "../../secrets/read-secret-file.ts"
import { rememberedSecret, secretFolder } from "../../secrets/remembered.ts"
import {
  parseSecretFile,
  parseSecretLine,
  type SecretEntry,
  selectSecret,
} from "../../secrets/secret-file.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"

/** The folder of the remembered secrets of who runs this. */
export async function folderOf(host: ProgramHost): Promise<string> {
  return secretFolder(host.env, host.env.HOME || (await import("node:os")).homedir())
}

/**
 * The secret of every host: out of --secret-file, else remembered, else asked for on the terminal. Says when two hosts share
 * one, since a knock for the one could then be sent to the other.
 * @throws Fault `usage` when there is nowhere to take one from, `permission` or `configuration` for a bad file
 */
export async function secretsFor(
  hosts: readonly string[],
  secretFile: string | undefined,
  terminal: Terminal,
  host: ProgramHost,
): Promise<Map<string, SecretEntry>> {
  const entries = secretFile === undefined ? undefined : await readEntries(secretFile, host)
  const found = new Map<string, SecretEntry>()
  const hostBySecret = new Map<string, string>()
  for (const name of hosts) {
    const entry =
      entries === undefined
        ? (rememberedSecret(await folderOf(host), name) ?? (await askFor(name, host)))
        : selectSecret(entries, name)
    const key = Buffer.from(entry.secret).toString("hex")
    const twin = hostBySecret.get(key)
    if (twin !== undefined)
      terminal.warn(
        `${twin} and ${name} share one secret: a knock for the one can be sent to the other`,
        "give every host its own: fw-knock secret HOST",
      )
    hostBySecret.set(key, name)
    found.set(name, entry)
  }
  return found
}

/** The secret to remember for `name`: typed on a terminal, or from standard input. @throws Fault as `secretsFor` */
export async function newSecretFor(name: string, host: ProgramHost): Promise<SecretEntry> {
  if (host.stdin.isTTY === true) return await ask(name, host)
  return selectSecret(await readEntries("-", host), name)
}

async function readEntries(path: string, host: ProgramHost): Promise<SecretEntry[]> {
  if (path !== "-") return readSecretFile(path)
  const { readInput } = await import("../terminal/prompt.ts")
  return parseSecretFile(await readInput(host), "standard input")
}

async function askFor(name: string, host: ProgramHost): Promise<SecretEntry> {
  if (host.stdin.isTTY !== true || host.stderr.isTTY !== true)
    throw new Fault("usage", `no secret is remembered for ${name}, and there is no terminal to ask on`, {
      hint: `give --secret-file FILE, or once: fw-knock remember ${name} (looked in ${await folderOf(host)})`,
    })
  return await ask(name, host)
}

async function ask(name: string, host: ProgramHost): Promise<SecretEntry> {
  const { askSecret } = await import("../terminal/prompt.ts")
  const entry = parseSecretLine(
    await askSecret(`secret for ${name} (not shown): `, host),
    1,
    "what was typed,",
  )
  if (entry === undefined) throw new Fault("configuration", "nothing was typed, a secret fwk1-... is wanted")
  return entry
}
