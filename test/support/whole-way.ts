import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { formatOf, type RuleInput } from "../../src/apply/input.ts"
import { type PlannedChange, planChange } from "../../src/apply/plan.ts"
import { saveSnapshot } from "../../src/firewall/snapshot/store/store.ts"
import type { SnapshotRef } from "../../src/guard/machine/record.ts"
import { apply, prepare } from "../../src/guard/runtime/change.ts"
import { restore } from "../../src/guard/runtime/restore.ts"
import { Snapshots } from "../../src/guard/state/snapshots.ts"
import type { Outcome } from "../../src/report/outcome.ts"
import { systemClock } from "../../src/system/system-clock.ts"
import { firewallOf } from "./firewall/lab-firewall.ts"
import type { Host, Lab } from "./lab/lab.ts"

/** A change that a guard has put in force, as its record holds it. */
export interface Applied {
  readonly before: SnapshotRef
  readonly candidate: SnapshotRef
}

/** The way of a change: what `fw-apply` and its guard do, without their processes. */
export class WholeWay {
  readonly #host: Host
  readonly #folder: string
  readonly #snapshots: Snapshots
  readonly told: Outcome[] = []

  constructor(lab: Lab, host: Host) {
    this.#host = host
    this.#folder = join(lab.folder, host.name)
    this.#snapshots = new Snapshots({
      run: firewallOf(host).run,
      clock: systemClock,
      stateFolder: join(this.#folder, "state"),
      runtimeFolder: join(this.#folder, "run"),
      emit: (outcome) => this.told.push(outcome),
    })
  }

  input(text: string, name = "script"): RuleInput {
    const path = join(this.#folder, "..", `${this.#host.name}-${name}`)
    writeFileSync(path, text)
    return { name: path, text, format: formatOf(text) }
  }

  async plan(input: RuleInput, replaceAll: boolean): Promise<PlannedChange> {
    return await planChange(firewallOf(this.#host), input, {
      timeoutMs: 60_000,
      connection: undefined,
      replaceAll,
      made: new Set(),
    })
  }

  /** @returns the outcome where it has not been put in force, or not as planned */
  async apply(plan: PlannedChange): Promise<Applied | Outcome> {
    const order = {
      id: "1",
      rehearsed: await saveSnapshot(join(this.#folder, "handed"), plan.before),
      candidate: await saveSnapshot(join(this.#folder, "handed"), plan.candidate),
      ...{ withinMs: 60_000, force: false, save: false, sshPort: 22, client: "", user: "ada" },
    }
    const prepared = await prepare(this.#snapshots, { type: "prepare", order })
    if (prepared.type === "prepare-refused") return prepared.outcome
    const sides = prepared.sides
    const ended = await apply(this.#snapshots, () => [], { type: "apply", task: 1, id: "1", ...sides })
    if (ended.type === "apply-refused") return ended.outcome
    const { report } = ended
    if (report?.ok || report?.end === "nothing-to-do") return sides
    return { event: "apply-failed", code: "state-unknown", message: JSON.stringify(report) }
  }

  /** @returns what went wrong, if anything did */
  async revert({ before, candidate }: Applied): Promise<string | undefined> {
    const { report } = await restore(
      this.#snapshots,
      { type: "restore", task: 2, snapshot: before, known: candidate, over: candidate },
      (outcome) => this.told.push(outcome),
    )
    return report?.ok ? undefined : JSON.stringify(report)
  }
}
