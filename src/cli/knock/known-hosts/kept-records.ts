import { readdirSync } from "node:fs"
import { Fault } from "../../../errors.ts"
import { RecordIndex } from "../../../secrets/fleet/record-index.ts"
import { canonicalHost, isHostName } from "../../../secrets/host-name.ts"
import { type HostRecord, parseRecord } from "../../../secrets/host-record.ts"
import { findRecordIn, type RecordText, readRecordTexts } from "../../../secrets/host-records.ts"
import type { Target } from "../../../secrets/target.ts"

/** A host that a secret, a record or both are kept of. */
export interface KeptHost {
  readonly name: string
  readonly hasSecret: boolean
  readonly record: HostRecord | undefined
}

/** The records of one folder, read once. To look through the texts is quicker for one host, an index for the second. */
export class KeptRecords {
  readonly #texts: readonly RecordText[]
  #index: RecordIndex | undefined
  #looked = false

  constructor(folder: string) {
    this.#texts = readRecordTexts(folder)
  }

  /** Undefined as long as nothing needed it. */
  get index(): RecordIndex | undefined {
    return this.#index
  }

  find(target: Target): HostRecord | undefined {
    if (this.#looked || this.#index !== undefined) return this.all().find(target)
    this.#looked = true
    return findRecordIn(this.#texts, target)
  }

  all(): RecordIndex {
    this.#index ??= new RecordIndex(
      this.#texts.map(({ name, text }) => parseRecord(text, name)).filter((record) => record !== undefined),
    )
    return this.#index
  }
}

/** Those of one pair of folders, by name. @throws Fault `permission` when the secrets cannot be listed */
export function keptIn(secretFolder: string, { records }: RecordIndex): KeptHost[] {
  const secrets = new Set(namesIn(secretFolder))
  const byName = new Map(records.map((record) => [canonicalHost(record.name), record]))
  return [...new Set([...secrets, ...byName.keys()])]
    .sort()
    .map((name) => ({ name, hasSecret: secrets.has(name), record: byName.get(name) }))
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter(isHostName)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === "ENOENT") return []
    throw new Fault("permission", `cannot list the hosts in ${folder}: ${code}`, { cause })
  }
}
