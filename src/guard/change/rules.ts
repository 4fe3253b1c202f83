import { rmSync } from "node:fs"
import { Fault, reasonOf } from "../../errors.ts"
import { type ProveDeps, proveRestorable } from "../../firewall/restore/prove.ts"
import { type RestoreReport, restoreSnapshot } from "../../firewall/restore/restore.ts"
import { compareSnapshots, type Difference } from "../../firewall/snapshot/compare.ts"
import { breathe } from "../../firewall/snapshot/reading.ts"
import { type Snapshot, takeSnapshot } from "../../firewall/snapshot/snapshot.ts"
import { loadSnapshot } from "../../firewall/snapshot/store/store.ts"
import type { KeptRules } from "../rules/rollback-points.ts"
import type { ChangeFiles } from "../state/change-record.ts"

/** The rules on both sides of a change, and where they are on disk; empty where they are not. */
export interface ChangeSides {
  readonly before: Snapshot
  readonly candidate: Snapshot
  readonly paths: { readonly before: string; readonly candidate: string }
}

/** Other rules are in force than those that the change was rehearsed with: somebody else writes too. */
export class RacedFault extends Fault {
  constructor(differences: readonly Difference[]) {
    super("refused", `the rules have changed since the rehearsal: ${namesOf(differences)}`, {
      hint: "nothing was changed; look at who else writes rules here, and try again",
    })
  }
}

/** The rules of a change: proves that there is a way back, puts them in force, and goes back. */
export class ChangeRules {
  readonly #deps: ProveDeps
  readonly #rules: Pick<KeptRules, "inTurn" | "save" | "load" | "adopt" | "restoreFolder">
  #sides: ChangeSides | undefined

  constructor(
    deps: ProveDeps,
    rules: Pick<KeptRules, "inTurn" | "save" | "load" | "adopt" | "restoreFolder">,
  ) {
    this.#deps = deps
    this.#rules = rules
  }

  /**
   * Reads both sides of a change, and tries out that the one in force now would come back. Changes nothing.
   * @param force takes tables that would not come back along, and a way back that is in memory only
   * @throws RacedFault; Fault `refused` naming the tables that would not come back, or when a file cannot be trusted
   */
  async prepare(files: ChangeFiles, force: boolean): Promise<ChangeSides> {
    const [candidate, rehearsed] = [takeFile(files.candidate), takeFile(files.rehearsed)]
    const now = await takeSnapshot(this.#deps, "before a change")
    refuseRace(rehearsed, now)
    await breathe()
    const touched = new Set(known(compareSnapshots(now, candidate, "ignored")).map(({ where }) => where))
    const proven = await this.#prove(now, force)
    const lost = proven.proofs.filter(({ ok, table }) => !ok && touched.has(table))
    if (lost.length > 0 && !force)
      throw new Fault("refused", `a rollback would not bring back ${lost.map(why).join("; ")}`, {
        hint: "nothing was changed; --force changes them all the same",
      })
    const paths = {
      before: await this.#rules.save(proven.snapshot),
      candidate: await this.#rules.save({ ...candidate, reason: "change" }),
    }
    if (paths.before === "" && !force)
      throw new Fault(
        "refused",
        "the rules to go back to cannot be kept on disk: a killed guard would lose them",
        {
          hint: "nothing was changed; make room on the disk, or --force",
        },
      )
    return { before: proven.snapshot, candidate, paths }
  }

  async #prove(now: Snapshot, force: boolean): ReturnType<typeof proveRestorable> {
    try {
      return await proveRestorable(this.#deps, now)
    } catch (thrown) {
      if (force) return { snapshot: now, proofs: [] }
      throw new Fault("refused", `could not try out the way back: ${reasonOf(thrown)}`, {
        hint: "nothing was changed; --force goes without",
      })
    }
  }

  /**
   * Puts the candidate in force, whole or not at all.
   * @param beforeChanging is called when nothing but the change itself is left to do; what it throws ends it
   * @throws RacedFault when other rules than `sides.before` are in force by then; nothing has been changed
   */
  async apply(sides: ChangeSides, beforeChanging: () => void): Promise<RestoreReport> {
    return await this.#rules.inTurn(async () => {
      const report = await restoreSnapshot(this.#deps, sides.candidate, {
        folder: this.#rules.restoreFolder,
        // What the rehearsal has seen is some seconds old.
        counters: "in force",
        beforeChanging: (inForce) => {
          refuseRace(sides.before, inForce)
          this.#sides = sides
          beforeChanging()
        },
      })
      return report
    })
  }

  /** Goes on with a change of a guard that was killed. */
  resume(paths: ChangeSides["paths"]): void {
    const [before, candidate] = [this.#rules.load(paths.before), this.#rules.load(paths.candidate)]
    this.#sides = before && candidate && { before, candidate, paths }
  }

  /**
   * Puts back what was in force before; tried a second time when it did not work. Never rejects.
   * @returns undefined when these rules are lost
   */
  async goBack(): Promise<RestoreReport | undefined> {
    const sides = this.#sides
    if (sides === undefined) return undefined
    const report = await this.#restore(sides.before)
    return report.end === "put-back" || report.end === "half" ? await this.#restore(sides.before) : report
  }

  async #restore(snapshot: Snapshot): Promise<RestoreReport> {
    try {
      const { restoreFolder: folder } = this.#rules
      return await this.#rules.inTurn(() => restoreSnapshot(this.#deps, snapshot, { folder }))
    } catch (thrown) {
      const failures = [reasonOf(thrown)]
      return { end: "put-back", ok: false, changed: false, failures, left: [], differences: [] }
    }
  }

  /** The change stays: the session goes back to these rules from now on. */
  accept(): void {
    if (this.#sides !== undefined) this.#rules.adopt(this.#sides.candidate, this.#sides.paths.candidate)
    this.#sides = undefined
  }

  /** It is over, whatever came of it. */
  forget(): void {
    this.#sides = undefined
  }
}

/** Reads a file once; it is not needed again. */
function takeFile(path: string): Snapshot {
  const snapshot = loadSnapshot(path)
  rmSync(path, { force: true })
  return snapshot
}

/** Of what was not read nobody knows whether it changed; it is not touched either. */
function known(differences: readonly Difference[]): Difference[] {
  return differences.filter(({ kind }) => kind !== "unread")
}

function refuseRace(expected: Snapshot, inForce: Snapshot): void {
  const differences = known(compareSnapshots(expected, inForce, "ignored"))
  if (differences.length > 0) throw new RacedFault(differences)
}

function namesOf(differences: readonly Difference[]): string {
  return differences.map(({ where }) => where).join(", ")
}

function why(proof: { readonly table: string; readonly why?: string }): string {
  return `${proof.table}: ${proof.why ?? "it differs"}`
}
