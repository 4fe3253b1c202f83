import type { Clock } from "../../clock.ts"
import { reasonOf } from "../../errors.ts"
import type { ArmedFirewall, OpenInProgress, OpenReport } from "../../firewall/open/contract.ts"
import { clearHard, type HardReport, systemHardDeps } from "../../firewall/open/hard.ts"
import type { RestoreReport } from "../../firewall/restore/restore.ts"
import type { Verdict } from "../../knock/answer.ts"
import { mostListed, someOf } from "../../report/listing.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { RunCommand } from "../../system/run-command.ts"
import type { OpensUnderWay } from "../state/open-marker.ts"
import { RelockWatch } from "./relock-watch.ts"
import { lookNow, outcomeOfRestore } from "./restore-outcome.ts"
import type { GoBackTo, KeptRules } from "./rollback-points.ts"

/** Tells the knocker how an open stands: at its commit, and again when the listing after it is in. */
export type TellOpen = (verdict: "opened" | "open-failed", verified: boolean) => void

export interface FirewallWorkDeps {
  readonly run: RunCommand
  readonly clock: Clock
  readonly firewall: ArmedFirewall
  readonly rules: Pick<KeptRules, "keep" | "goBack">
  readonly underWay: Pick<OpensUnderWay, "begun" | "settled">
  readonly scope: "all" | "filter"
  readonly emit: (outcome: Outcome) => void
}

/** Milliseconds. Not `performance`, which Node loads at its first use: a millisecond between a knock and its open. */
const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

/**
 * Everything a session does to the firewall, and what came of it: opens, and ways back. Each ends in one event; none
 * ever rejects. A dry run has no FirewallWork to call.
 */
export class FirewallWork {
  readonly #deps: FirewallWorkDeps
  /** Opens since arming. */
  opens = 0
  readonly #relocks: RelockWatch
  /** What the latest `--hard` could not take away. */
  #outOfReach: readonly string[] = []
  /** Settles when every open so far has. */
  #opening: Promise<unknown> = Promise.resolve()
  /** Settles when every way back so far has. */
  #goingBack: Promise<unknown> = Promise.resolve()
  #waysBack = 0

  constructor(deps: FirewallWorkDeps) {
    this.#deps = deps
    this.#relocks = new RelockWatch({
      clock: deps.clock,
      list: () => deps.firewall.verify(deps.scope),
      emit: deps.emit,
    })
  }

  /** What can drop although the firewall was opened; empty before the first open. */
  get stillDropping(): readonly string[] {
    return [...this.#relocks.dropping, ...this.#outOfReach]
  }

  /** How often something locked again after an open. */
  get reLocks(): number {
    return this.#relocks.reLocks
  }

  /** Nothing is watched any more. */
  close(): void {
    this.#relocks.stop()
  }

  /** Settles when nothing is under way any more. */
  async idle(): Promise<void> {
    await Promise.allSettled([this.#opening, this.#goingBack])
  }

  /**
   * Opens the firewall and keeps what was there. Waits for nothing: an open that meets a way back half-way is made once
   * more when that is done, since whoever knocked last wants it open.
   */
  async open(hard: boolean, tell: TellOpen = () => {}): Promise<void> {
    const { underWay } = this.#deps
    underWay.begun()
    const opening = this.#open(hard, tell).finally(() => underWay.settled())
    this.#opening = Promise.allSettled([this.#opening, opening])
    await opening
  }

  async #open(hard: boolean, tell: TellOpen): Promise<void> {
    const { firewall, scope, emit } = this.#deps
    const met = this.#waysBack > 0 ? this.#goingBack : undefined
    const startedMs = monotonicMs()
    const opening = firewall.open({ scope, hard })
    const commit = await opening.committed
    const committedMs = Math.round((monotonicMs() - startedMs) * 10) / 10
    this.#relocks.stop()
    tell(commit.ok ? "opened" : "open-failed", false)
    const report = await this.#settled(opening, met)
    const beyond = hard ? await this.#clearHard(report.changed) : undefined
    const found = beyond === undefined ? report.stillDropping : await firewall.verify(scope)
    this.opens += 1
    this.#relocks.start(found)
    // An owned table is in the listing already.
    this.#outOfReach = beyond?.left.filter((line) => found.length === 0 || !line.startsWith("table ")) ?? []
    const failures = [...report.failures, ...(beyond?.failures ?? [])]
    tell(failures.length === 0 ? "opened" : "open-failed", true)
    const left = this.stillDropping
    const facts = {
      committedMs,
      changed: report.changed,
      failures,
      stillDropping: left.slice(0, mostListed),
      ...(beyond === undefined ? {} : { cleared: beyond.cleared, left: beyond.left }),
    }
    if (failures.length > 0)
      emit(lookNow("open-failed", `the open did not work completely: ${someOf(failures)}`, facts))
    else if (left.length > 0)
      emit(lookNow("opened", `opened, but ${left.length} can still drop: ${someOf(left)}`, facts))
    else {
      const message = report.changed || hard ? "the firewall is open" : "the firewall was open already"
      emit({ event: "opened", code: "done", message, facts })
    }
  }

  async #settled(opening: OpenInProgress, met: Promise<unknown> | undefined): Promise<OpenReport> {
    const report = await opening.settled
    if (met === undefined) return report
    await met
    const again = await this.#deps.firewall.open({ scope: this.#deps.scope, hard: false }).settled
    return { ...again, changed: report.changed || again.changed }
  }

  /** What a plain open left alone is kept before `--hard` takes it away. */
  async #clearHard(kept: boolean): Promise<HardReport> {
    const failures: string[] = []
    try {
      if (!kept) await this.#deps.rules.keep({ asleep: [], mark: "", legacyAccepts: [], givenUp: false })
    } catch (thrown) {
      failures.push(`keep: ${reasonOf(thrown)}`)
    }
    const report = await clearHard(systemHardDeps(this.#deps.run))
    return { ...report, failures: [...failures, ...report.failures] }
  }

  /** Goes back to kept rules, when the opens that were asked for before have settled. The outcome has been emitted already. */
  async goBack(which: GoBackTo): Promise<Outcome> {
    return await this.replaceRules(async () => {
      const outcome = outcomeOf(which, await this.#deps.rules.goBack(which))
      this.#deps.emit(outcome)
      return outcome
    })
  }

  /** Runs what puts other rules in place, when the opens that were asked for before have settled; what locks then is meant to. */
  async replaceRules<T>(task: () => Promise<T>): Promise<T> {
    this.#waysBack += 1
    const replacing = this.#replaceRules(task, this.#opening)
    this.#goingBack = Promise.allSettled([this.#goingBack, replacing])
    try {
      return await replacing
    } finally {
      this.#waysBack -= 1
    }
  }

  async #replaceRules<T>(task: () => Promise<T>, opening: Promise<unknown>): Promise<T> {
    await opening
    this.#relocks.stop()
    this.#outOfReach = []
    return await task()
  }
}

/** How a way back is answered to the one who knocked for it. */
export function rollbackVerdict(outcome: Outcome): Verdict {
  if (outcome.event === "nothing-to-undo") return "nothing-to-do"
  return outcome.code === "done" ? "rolled-back" : "rollback-failed"
}

function outcomeOf(which: GoBackTo, report: RestoreReport | undefined): Outcome {
  const rules = which === "arming" ? "the rules in force at arming" : "the rules from before the last open"
  if (report !== undefined) return outcomeOfRestore(rules, report)
  return {
    event: "nothing-to-undo",
    code: "refused",
    message:
      which === "arming"
        ? "no rules were kept at arming"
        : "nothing to undo: no open of this session changed anything",
  }
}
