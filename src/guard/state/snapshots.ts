import { join } from "node:path"
import type { Clock } from "../../clock.ts"
import { reasonOf } from "../../errors.ts"
import type { IsLost, TableName } from "../../firewall/open/backend.ts"
import { finishInterruptedRestores, type RestoreDeps } from "../../firewall/restore/restore.ts"
import { isAsleep, nftWhere } from "../../firewall/snapshot/nft-table.ts"
import { isUnread } from "../../firewall/snapshot/reading.ts"
import { type Snapshot, takeSnapshot } from "../../firewall/snapshot/snapshot.ts"
import { loadSnapshot, pruneSnapshots, saveSnapshot } from "../../firewall/snapshot/store/store.ts"
import { findTools } from "../../firewall/tools/tool-paths.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { RunCommand } from "../../system/process/run-command.ts"
import { findSystemTools } from "../../system/process/system-tools.ts"
import { within } from "../../system/within.ts"
import type { SessionRecord, SnapshotRef } from "../machine/record.ts"
import { writeMade } from "./made-file.ts"

/** Snapshots that stay on disk. */
const keptOnDisk = 20
/** How long the disk may take over one, in milliseconds. */
const savingMs = 5000

/** The snapshots of a session: in memory as long as its record names them, and on disk as far as the disk lets it. */
export class Snapshots {
  /** For whoever restores one. */
  readonly deps: RestoreDeps
  /** Where restores are journalled; one runs in it at a time. */
  readonly restoreFolder: string
  readonly #stateFolder: string
  readonly #folder: string
  readonly #spareFolder: string
  readonly #emit: (outcome: Outcome) => void
  readonly #held = new WeakMap<SnapshotRef, Snapshot>()
  /** Those that the session can go back to, which no pruning takes. */
  #spared: readonly string[] = []

  constructor(parts: {
    readonly run: RunCommand
    readonly clock: Clock
    readonly stateFolder: string
    readonly runtimeFolder: string
    readonly emit: (outcome: Outcome) => void
    /** /proc/net of the namespace that `run` works in, where this process can read it itself. */
    readonly procNet?: string
  }) {
    const { run, clock, procNet } = parts
    const here = procNet === undefined ? {} : { procNet }
    this.deps = { run, clock, tools: findTools(), system: findSystemTools(), ...here }
    this.#stateFolder = parts.stateFolder
    this.#folder = join(parts.stateFolder, "snapshots")
    this.restoreFolder = join(parts.runtimeFolder, "restore")
    this.#spareFolder = join(parts.runtimeFolder, "snapshots")
    this.#emit = parts.emit
  }

  /**
   * Takes what is in force now; afterwards a rollback can restore it.
   * @param read the file of a snapshot that was taken a moment ago: what is as it was then is not read again
   * @param notes takes what whoever arms has to be told of it
   */
  async takeAtArming(read: string | undefined, notes: string[]): Promise<SnapshotRef> {
    const known = read === undefined ? undefined : readAgain(read)
    const snapshot = await takeSnapshot(this.deps, "arming", known)
    notes.push(...shortcomings(snapshot))
    for (const { where, why } of snapshot.unread)
      this.#tell("snapshot-incomplete", `cannot read the rules of ${where}, they cannot be put back: ${why}`)
    const ref = await this.save(snapshot)
    this.#spared = [...this.#spared, ref.path]
    return ref
  }

  /** From now on no pruning takes what this record can go back to. */
  spare({ arming, lastOpen, change }: Pick<SessionRecord, "arming" | "lastOpen" | "change">): void {
    const named = [arming, lastOpen, change?.before, change?.candidate, change?.openBefore?.rules]
    this.#spared = named.flatMap((ref) => (ref === undefined ? [] : [ref.path]))
  }

  /** Ends what an earlier guard left half-done. To be called before the rules are looked at. */
  async finishInterrupted(): Promise<void> {
    for (const end of await finishInterruptedRestores(this.deps, { folder: this.restoreFolder }))
      this.#emit({
        event: "restore-finished",
        code: end === "half" ? "state-unknown" : "done",
        message: `an interrupted restore ended: ${end}`,
      })
  }

  /** A snapshot by its path, which an earlier guard left; undefined, and said, when there is none to be trusted. */
  load(path: string): SnapshotRef | undefined {
    if (path === "") return undefined
    try {
      const ref = { path }
      this.#held.set(ref, loadSnapshot(path))
      return ref
    } catch (thrown) {
      this.#tell("snapshot-lost", `a snapshot cannot be used any more: ${reasonOf(thrown)}`)
      return undefined
    }
  }

  get(ref: SnapshotRef | undefined): Snapshot | undefined {
    return ref && this.#held.get(ref)
  }

  /** Tells of tables of nf_tables that no undo of the latest open could bring back their rules. */
  isLost({ lastOpen, arming }: Pick<SessionRecord, "lastOpen" | "arming">): IsLost {
    const kept = this.get(lastOpen)
    const [found, unread] = [kept?.nftTables ?? [], kept?.unread ?? []]
    // What was proven at arming need not be proven again: the open's own proof comes when nobody waits any more.
    const hopeless = [...found, ...(this.get(arming)?.nftTables ?? [])].filter(({ view }) => view === "none")
    const names = new Set(hopeless.map(nftWhere))
    return ({ family, table }) => {
      const where = nftWhere({ family, name: table })
      return names.has(where) || isUnread(unread, where)
    }
  }

  /** Tells of tables whether they were awake in a snapshot, or not there. True when nobody knows. */
  wasAwake(ref: SnapshotRef | undefined): (table: TableName) => boolean {
    const tables = this.get(ref)?.nftTables ?? []
    return ({ family, table }) => {
      const copy = tables.find((one) => one.family === family && one.name === table)
      return copy === undefined || !isAsleep(copy)
    }
  }

  /** The same snapshot in other views, those that were proven. */
  replace(ref: SnapshotRef, proven: Snapshot): void {
    this.#held.set(ref, proven)
  }

  /**
   * Holds a snapshot, and writes it to disk. A full or read-only disk delays nothing, one that hangs not for long: then it
   * goes to the runtime folder, which a reboot empties, or stays in memory only.
   */
  async save(snapshot: Snapshot): Promise<SnapshotRef> {
    const ref = { path: await this.#write(snapshot) }
    this.#held.set(ref, snapshot)
    return ref
  }

  /** Keeps in mind what a change has made, for later ones. */
  remember(candidate: SnapshotRef): void {
    const made = this.get(candidate)?.made
    if (made === undefined) return
    try {
      writeMade(this.#stateFolder, made)
    } catch (thrown) {
      const kept =
        "what this change has made cannot be kept in mind, so later ones take it for somebody else's"
      this.#tell("made-not-kept", `${kept}: ${reasonOf(thrown)}`)
    }
  }

  async #write(snapshot: Snapshot): Promise<string> {
    let why = ""
    for (const folder of [this.#folder, this.#spareFolder]) {
      try {
        const path = await within(this.deps.clock, savingMs, saveSnapshot(folder, snapshot))
        void pruneSnapshots(folder, keptOnDisk, this.#spared)
        if (why !== "") this.#tell("snapshot-not-saved", `the snapshot is not on disk: ${why}`)
        return path
      } catch (thrown) {
        why = reasonOf(thrown)
      }
    }
    this.#tell("snapshot-not-saved", `the snapshot is in memory only: ${why}`)
    return ""
  }

  #tell(event: string, message: string): void {
    this.#emit({ event, code: "state-unknown", message })
  }
}

/** Rules that nothing here could bring back, as far as that is known without trying. */
function shortcomings({ unread, nftTables }: Snapshot): string[] {
  return [
    ...unread.map(
      ({ where, why }) =>
        `cannot read the rules of ${where}: no undo and no rollback brings them back (${why})`,
    ),
    ...nftTables
      .filter(({ view, owned }) => view === "none" && !owned)
      .map(
        (copy) =>
          `no undo and no rollback brings back ${nftWhere(copy)}: ${copy.why ?? "no tool can load it"}`,
      ),
  ]
}

/** Undefined where it cannot be used: then all is read anew. */
function readAgain(path: string): Snapshot | undefined {
  try {
    return loadSnapshot(path)
  } catch {
    return undefined
  }
}
