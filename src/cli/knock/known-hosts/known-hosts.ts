import { existsSync } from "node:fs"
import { join } from "node:path"
import { canonicalHost } from "../../../secrets/host-name.ts"
import { type HostRecord, readRecord } from "../../../secrets/host-record.ts"
import { recordFolder, secretFolder } from "../../../secrets/remembered.ts"
import { parseTarget, type Target } from "../../../secrets/target.ts"
import type { ProgramHost } from "../../terminal/terminal.ts"
import type { KeptHost, KeptRecords } from "./kept-records.ts"

/** The folders of one user: a secret in each file of the one, a record in each of the other. */
export interface HostFolders {
  readonly secrets: string
  readonly records: string
}

/** A host as somebody has typed it, and what is kept of it here. */
export interface KnownHost {
  readonly typed: string
  readonly target: Target
  /** The name that its secret and its record are kept under, or would be. */
  readonly name: string
  readonly record: HostRecord | undefined
  /** Where they are kept; undefined when nothing is. */
  readonly folders: HostFolders | undefined
}

/**
 * The hosts that this user's fw-knock keeps and, behind root's own, those of who called sudo. Nothing is read before it is
 * asked for, and a host that is asked for by the name it is kept under costs no look at the others.
 */
export class KnownHosts {
  readonly #host: ProgramHost
  readonly #records = new Map<string, KeptRecords>()
  #own: HostFolders | undefined
  #callers: Promise<HostFolders | undefined> | undefined

  constructor(host: ProgramHost) {
    this.#host = host
  }

  /** @throws Fault `usage` for what is no host */
  async find(typed: string): Promise<KnownHost> {
    const target = parseTarget(typed)
    const unknown = { typed, target, name: canonicalHost(target.host), record: undefined, folders: undefined }
    const own = await this.#lookIn(await this.ownFolders(), unknown)
    if (own !== undefined && (!this.#host.env.SUDO_UID || hasSecret(own))) return own
    const callers = await this.callersFolders()
    return (callers && (await this.#lookIn(callers, unknown))) ?? own ?? unknown
  }

  async ownFolders(): Promise<HostFolders> {
    if (this.#own !== undefined) return this.#own
    const { env } = this.#host
    const home = env.HOME || (await import("node:os")).homedir()
    this.#own = { secrets: secretFolder(env, home), records: recordFolder(env, home) }
    return this.#own
  }

  /** Those of who called sudo, where they are others. */
  callersFolders(): Promise<HostFolders | undefined> {
    this.#callers ??= this.#findCallers()
    return this.#callers
  }

  /** Every folder that is looked in, in this order. */
  async allFolders(): Promise<HostFolders[]> {
    const callers = await this.callersFolders()
    return [await this.ownFolders(), ...(callers === undefined ? [] : [callers])]
  }

  /**
   * All that are kept, by name; those of who called sudo behind root's own. From then on no record is read again: what is
   * asked about each costs no file.
   * @throws Fault `permission` when a folder cannot be read
   */
  async kept(): Promise<KeptHost[]> {
    const { keptIn } = await import("./kept-records.ts")
    const all = new Map<string, KeptHost>()
    for (const folders of await this.allFolders())
      for (const host of keptIn(folders.secrets, (await this.#recordsIn(folders)).all()))
        if (!all.has(host.name)) all.set(host.name, host)
    return [...all.values()]
  }

  /** The folders for something new: under sudo the caller's, who then finds it without sudo too. */
  async foldersFor({ folders }: Pick<KnownHost, "folders">): Promise<HostFolders> {
    return folders ?? (await this.callersFolders()) ?? (await this.ownFolders())
  }

  async #findCallers(): Promise<HostFolders | undefined> {
    if (!this.#host.env.SUDO_UID) return undefined
    const { sudoCallerHome } = await import("../../../secrets/sudo-caller.ts")
    const home = await sudoCallerHome()
    if (home === undefined) return undefined
    const secrets = secretFolder({}, home)
    return secrets === (await this.ownFolders()).secrets
      ? undefined
      : { secrets, records: recordFolder({}, home) }
  }

  async #lookIn(folders: HostFolders, unknown: KnownHost): Promise<KnownHost | undefined> {
    const exact = { ...unknown, record: this.#recordNamed(unknown.name, folders), folders }
    if (exact.record !== undefined || hasSecret(exact)) return exact
    const record = (await this.#recordsIn(folders)).find(unknown.target)
    return record && { ...exact, name: canonicalHost(record.name), record }
  }

  #recordNamed(name: string, { records }: HostFolders): HostRecord | undefined {
    const all = this.#records.get(records)?.index
    return all === undefined ? readRecord(records, name) : all.named(name)
  }

  async #recordsIn({ records }: HostFolders): Promise<KeptRecords> {
    const { KeptRecords } = await import("./kept-records.ts")
    const read = this.#records.get(records) ?? new KeptRecords(records)
    this.#records.set(records, read)
    return read
  }
}

/** Tells whether a secret is kept, good or bad. */
export function hasSecret({ folders, name }: KnownHost): boolean {
  return folders !== undefined && existsSync(join(folders.secrets, name))
}

/** The port of its sshd: the one that was typed, else the one that is kept, else 22. */
export function sshPort({ target, record }: KnownHost): number {
  return target.port ?? record?.port ?? 22
}

/** The command that logs in there, by the name that ssh knows it by: `ssh -p 2222 ada@web1`. */
export function loginCommand(known: KnownHost): string {
  const { target, record } = known
  const user = target.user ?? record?.user
  const port = sshPort(known)
  return `ssh ${port === 22 ? "" : `-p ${port} `}${user === undefined ? "" : `${user}@`}${record?.name ?? target.host}`
}
