import { join } from "node:path"
import type { Clock, Timer } from "../../clock.ts"
import { reasonOf } from "../../errors.ts"
import type { Opened } from "../../firewall/open/contract.ts"
import { beforeOpen, withoutNewAccepts } from "../../firewall/open/rules-before-open.ts"
import { proveRestorable } from "../../firewall/restore/prove.ts"
import {
  finishInterruptedRestores,
  type RestoreDeps,
  type RestoreReport,
  restoreSnapshot,
} from "../../firewall/restore/restore.ts"
import { type Snapshot, takeSnapshot } from "../../firewall/snapshot/snapshot.ts"
import { loadSnapshot, pruneSnapshots, saveSnapshot } from "../../firewall/snapshot/store/store.ts"
import { findTools } from "../../firewall/tools/tool-paths.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { RunCommand } from "../../system/run-command.ts"
import { findSystemTools } from "../../system/system-tools.ts"
import type { Journal } from "../state/journal.ts"

/** Snapshots that stay on disk. */
const keptOnDisk = 20
/** How long the disk may take over one, in milliseconds. */
const savingMs = 5000
/** How long after an open what it kept is tried out, in milliseconds: whoever knocked comes first. */
const proveAfterMs = 3000

/** Which rules to go back to: those before the last open, or those in force at arming. */
export type GoBackTo = "last-open" | "arming"

/**
 * The rules that a session can go back to: taken at arming and before each open, kept in memory, and on disk as far as
 * the disk lets it. One restore runs at a time.
 */
export class KeptRules {
  readonly #deps: RestoreDeps
  readonly #snapshotFolder: string
  /** Where restores are journalled; one runs in it at a time, see {@link inTurn}. */
  readonly restoreFolder: string
  readonly #emit: (outcome: Outcome) => void
  readonly #spareFolder: string
  #arming: Snapshot | undefined
  #lastOpen: Snapshot | undefined
  /** Where they are on disk, for the journal; empty where they are not. */
  paths: { readonly arming: string; readonly lastOpen: string } = { arming: "", lastOpen: "" }
  #busy: Promise<unknown> = Promise.resolve()
  /** Proofs that are under way, one after the other, and the one that is going to be. */
  #proofs: Promise<unknown> = Promise.resolve()
  #proveSoon: Timer | undefined

  constructor(deps: {
    readonly run: RunCommand
    readonly clock: Clock
    readonly stateFolder: string
    readonly runtimeFolder: string
    readonly emit: (outcome: Outcome) => void
  }) {
    this.#deps = { run: deps.run, clock: deps.clock, tools: findTools(), system: findSystemTools() }
    this.#snapshotFolder = join(deps.stateFolder, "snapshots")
    this.restoreFolder = join(deps.runtimeFolder, "restore")
    this.#spareFolder = join(deps.runtimeFolder, "snapshots")
    this.#emit = deps.emit
  }

  /** Ends what an earlier guard left half-done, then takes what is in force now; afterwards `rollback` can go back to it. */
  async takeAtArming(): Promise<void> {
    await this.#finishInterrupted()
    const snapshot = await takeSnapshot(this.#deps, "arming")
    for (const { backend, why } of snapshot.unread)
      this.#tell(
        "state-unknown",
        "snapshot-incomplete",
        `cannot read the rules of ${backend}, they cannot be put back: ${why}`,
      )
    this.#arming = snapshot
    this.paths = { ...this.paths, arming: await this.save(snapshot) }
  }

  /** Goes on with the snapshots of a guard that was killed, and ends what it left half-done. */
  async resume(paths: { readonly arming: string; readonly lastOpen: string }): Promise<void> {
    this.#arming = this.load(paths.arming)
    this.#lastOpen = this.load(paths.lastOpen)
    this.paths = paths
    await this.#finishInterrupted()
  }

  async #finishInterrupted(): Promise<void> {
    const ends = await finishInterruptedRestores(this.#deps, { folder: this.restoreFolder })
    for (const end of ends)
      this.#tell(
        end === "half" ? "state-unknown" : "done",
        "restore-finished",
        `an interrupted restore ended: ${end}`,
      )
  }

  /** A snapshot that an earlier guard left; undefined, and said, when there is none to be trusted. */
  load(path: string): Snapshot | undefined {
    if (path === "") return undefined
    try {
      return loadSnapshot(path)
    } catch (thrown) {
      this.#tell("state-unknown", "snapshot-lost", `a snapshot cannot be used any more: ${reasonOf(thrown)}`)
      return undefined
    }
  }

  /**
   * Restores the arming snapshot in a throw-away namespace and says which tables would not come back as they were.
   * Slow (a second and more), so nobody waits for it.
   */
  async proveArming(): Promise<void> {
    await this.#afterProofs(async () => {
      if (this.#arming !== undefined) this.#arming = await this.#proven(this.#arming, "a rollback")
    })
  }

  /** The same for what an open kept, when nobody waits any more; only the latest open's can be undone. */
  #proveLastOpen(snapshot: Snapshot): void {
    this.#proveSoon?.cancel()
    this.#proveSoon = this.#deps.clock.after(proveAfterMs, () => {
      void this.#afterProofs(async () => {
        if (this.#lastOpen !== snapshot) return
        const proven = await this.#proven(snapshot, "an undo")
        if (this.#lastOpen === snapshot) this.#lastOpen = proven
      })
    })
  }

  /** One at a time. */
  async #afterProofs(proof: () => Promise<void>): Promise<void> {
    this.#proofs = this.#proofs.then(proof)
    await this.#proofs
  }

  /** The snapshot in the views that were proven; as it was when it could not be tried out. */
  async #proven(snapshot: Snapshot, wayBack: "a rollback" | "an undo"): Promise<Snapshot> {
    try {
      const proven = await proveRestorable({ ...this.#deps, runHere: this.#deps.run }, snapshot)
      for (const { table, why } of proven.proofs.filter((proof) => !proof.ok))
        this.#tell(
          "state-unknown",
          "not-restorable",
          `${wayBack} would not bring back ${table}: ${why ?? "it differs"}`,
        )
      return proven.snapshot
    } catch (thrown) {
      this.#tell("state-unknown", "not-proven", `could not try ${wayBack} out: ${reasonOf(thrown)}`)
      return snapshot
    }
  }

  /**
   * The hook of an open between its commit and its settling.
   * @param cutOff how far an open had come that this one ends, because its guard was killed; see the journal
   * @returns the path; undefined when it is in memory only
   */
  async keep(opened: Opened, cutOff?: Journal["opening"]): Promise<string | undefined> {
    await this.#busy // half of what is being put back is nothing to go back to
    // What is in force now is what the other one left of it.
    if (cutOff === "kept" && this.#lastOpen !== undefined) return this.paths.lastOpen
    const taken = beforeOpen(await takeSnapshot(this.#deps, "open"), opened)
    if (opened.givenUp) return undefined // nobody waits for it, and half of it may be what the open has left
    const snapshot = cutOff === undefined ? taken : withoutNewAccepts(taken, this.#arming)
    this.#lastOpen = snapshot
    const path = await this.save(snapshot)
    this.paths = { ...this.paths, lastOpen: path }
    this.#proveLastOpen(snapshot)
    return path === "" ? undefined : path
  }

  /** What `rollback` goes back to. */
  get atArming(): Snapshot | undefined {
    return this.#arming
  }

  /** Reads what is in force now; never half of what is being put back. */
  async inForce(): Promise<Snapshot> {
    await this.#busy
    return await takeSnapshot(this.#deps, "in force")
  }

  /** Was a table awake, or not there, at arming? True when nobody knows. */
  readonly awakeAtArming = ({ family, table }: { family: string; table: string }): boolean => {
    const copy = this.#arming?.nftTables.find((one) => one.family === family && one.name === table)
    return !copy?.listed?.attributes.some((line) => /^flags .*\bdormant\b/.test(line))
  }

  /** Is there something to go back to? */
  has(which: GoBackTo): boolean {
    return this.#of(which) !== undefined
  }

  /**
   * Puts rules back, all families and backends together or not at all; see restoreSnapshot. Never rejects.
   * @returns undefined when there is nothing to go back to
   */
  async goBack(which: GoBackTo): Promise<RestoreReport | undefined> {
    return await this.inTurn(async () => {
      const snapshot = this.#of(which)
      if (snapshot === undefined) return undefined
      const report = await this.#restore(snapshot)
      if (which === "last-open" && report.end === "restored") this.#forgetLastOpen()
      return report
    })
  }

  /** Runs what puts rules in place when everything of its kind before it is done. */
  async inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#busy.then(task)
    this.#busy = turn.catch(() => {})
    return await turn
  }

  /** A confirmed change: its rules are those to go back to from now on, and no open before it can be undone. */
  adopt(confirmed: Snapshot, path: string): void {
    this.#arming = confirmed
    this.paths = { ...this.paths, arming: path }
    this.#forgetLastOpen()
  }

  #forgetLastOpen(): void {
    this.#lastOpen = undefined
    this.paths = { ...this.paths, lastOpen: "" }
  }

  async #restore(snapshot: Snapshot): Promise<RestoreReport> {
    try {
      return await restoreSnapshot(this.#deps, snapshot, { folder: this.restoreFolder })
    } catch (thrown) {
      const failures = [reasonOf(thrown)]
      return { end: "put-back", ok: false, changed: false, failures, left: [], differences: [] }
    }
  }

  #of(which: GoBackTo): Snapshot | undefined {
    return which === "arming" ? this.#arming : this.#lastOpen
  }

  /**
   * A full or read-only disk delays nothing, one that hangs not for long: then it goes to the runtime folder, which a
   * reboot empties.
   * @returns the path, or empty when it is in memory only
   */
  async save(snapshot: Snapshot): Promise<string> {
    let why = ""
    for (const folder of [this.#snapshotFolder, this.#spareFolder]) {
      try {
        const path = await this.#inTime(saveSnapshot(folder, snapshot))
        void pruneSnapshots(folder, keptOnDisk, [this.paths.arming])
        if (why !== "")
          this.#tell("state-unknown", "snapshot-not-saved", `the snapshot is not on disk: ${why}`)
        return path
      } catch (thrown) {
        why = reasonOf(thrown)
      }
    }
    this.#tell("state-unknown", "snapshot-not-saved", `the snapshot is in memory only: ${why}`)
    return ""
  }

  async #inTime<T>(task: Promise<T>): Promise<T> {
    let timer: Timer | undefined
    const tooLate = new Promise<never>((_, reject) => {
      timer = this.#deps.clock.after(savingMs, () => reject(new Error(`not done after ${savingMs / 1000} s`)))
    })
    try {
      return await Promise.race([task, tooLate])
    } finally {
      timer?.cancel()
    }
  }

  #tell(code: "done" | "state-unknown", event: string, message: string): void {
    this.#emit({ event, code, message })
  }
}
