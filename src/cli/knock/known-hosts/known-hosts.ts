import { existsSync } from "node:fs"
import { join } from "node:path"
import { canonicalHost } from "../../../secrets/host-name.ts"
import {
  canonicalAddress,
  findRecord,
  type HostRecord,
  namesOf,
  readRecord,
  readRecords,
} from "../../../secrets/host-records.ts"
import { recordFolder, secretFolder } from "../../../secrets/remembered.ts"
import { sudoCallerHome } from "../../../secrets/sudo-caller.ts"
import { parseTarget, type Target } from "../../../secrets/target.ts"
import type { ProgramHost } from "../../terminal/terminal.ts"

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
  readonly #records = new Map<string, HostRecord[]>()
  #callers: Promise<HostFolders | undefined> | undefined

  constructor(host: ProgramHost) {
    this.#host = host
  }

  /** @throws Fault `usage` for what is no host */
  async find(typed: string): Promise<KnownHost> {
    const target = parseTarget(typed)
    const unknown = { typed, target, name: canonicalHost(target.host), record: undefined, folders: undefined }
    const own = this.#lookIn(await this.ownFolders(), unknown)
    if (own !== undefined && hasSecret(own)) return own
    const callers = await this.callersFolders()
    return (callers && this.#lookIn(callers, unknown)) ?? own ?? unknown
  }

  /** The records of one folder, each read once. */
  recordsIn({ records }: HostFolders): readonly HostRecord[] {
    const read = this.#records.get(records) ?? readRecords(records)
    this.#records.set(records, read)
    return read
  }

  async ownFolders(): Promise<HostFolders> {
    const { env } = this.#host
    const home = env.HOME || (await import("node:os")).homedir()
    return { secrets: secretFolder(env, home), records: recordFolder(env, home) }
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

  /** The folders for something new: under sudo the caller's, who then finds it without sudo too. */
  async foldersFor({ folders }: KnownHost): Promise<HostFolders> {
    return folders ?? (await this.callersFolders()) ?? (await this.ownFolders())
  }

  async #findCallers(): Promise<HostFolders | undefined> {
    const home = await sudoCallerHome()
    if (home === undefined) return undefined
    const secrets = secretFolder({}, home)
    return secrets === (await this.ownFolders()).secrets
      ? undefined
      : { secrets, records: recordFolder({}, home) }
  }

  #lookIn(folders: HostFolders, unknown: KnownHost): KnownHost | undefined {
    const { target, name } = unknown
    const exact = { ...unknown, record: readRecord(folders.records, name), folders }
    if (exact.record !== undefined || hasSecret(exact)) return exact
    const record = findRecord(this.recordsIn(folders), target)
    return record && { ...exact, name: canonicalHost(record.name), record }
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

/** True when this is one of the names or addresses that the host goes by here. */
export function isCalled(known: KnownHost, host: string): boolean {
  return callingsOf(known).includes(canonicalAddress(host))
}

/** True when two that were typed are one host, by all that is kept of them and by the addresses that were found besides. */
export function isOneHost(
  one: KnownHost,
  addresses: readonly string[],
  other: KnownHost,
  otherAddresses: readonly string[],
): boolean {
  const names = [...callingsOf(one), ...addresses.map(canonicalAddress)]
  return [...callingsOf(other), ...otherAddresses.map(canonicalAddress)].some((name) => names.includes(name))
}

const callingsOf = ({ target, name, record }: KnownHost): string[] =>
  [target.host, name, ...(record === undefined ? [] : namesOf(record))].map(canonicalAddress)
