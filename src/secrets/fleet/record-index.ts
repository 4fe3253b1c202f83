import { canonicalHost } from "../host-name.ts"
import type { HostRecord } from "../host-record.ts"
import { canonicalAddress, findRecord, namesOf } from "../host-records.ts"
import type { Target } from "../target.ts"

/** The records of one folder for many questions: what each costs does not grow with their number. */
export class RecordIndex {
  readonly records: readonly HostRecord[]
  readonly #byName: ReadonlyMap<string, HostRecord>
  readonly #byCalling = new Map<string, HostRecord[]>()

  constructor(records: readonly HostRecord[]) {
    this.records = records
    this.#byName = new Map(records.map((record) => [canonicalHost(record.name), record]))
    for (const record of records)
      for (const calling of new Set(namesOf(record).map(canonicalAddress))) {
        const others = this.#byCalling.get(calling)
        if (others === undefined) this.#byCalling.set(calling, [record])
        else others.push(record)
      }
  }

  /** The record that was made under this very name. @param name as `canonicalHost` writes it */
  named(name: string): HostRecord | undefined {
    return this.#byName.get(name)
  }

  /** All that go by this name or address. */
  called(host: string): readonly HostRecord[] {
    return this.#byCalling.get(canonicalAddress(host)) ?? []
  }

  /** The one that `findRecord` finds among all of them. */
  find(target: Target): HostRecord | undefined {
    return findRecord(this.called(target.host), target)
  }
}
