import type { Clock } from "../clock.ts"
import { clearHard, type HardReport, systemHardDeps } from "../firewall/open/hard.ts"
import type { ArmedFirewall } from "../firewall/open/open.ts"
import type { RunCommand } from "../firewall/run-command.ts"
import type { RestoreReport } from "../firewall/snapshot/undo.ts"
import type { Verdict } from "../knock/answer.ts"
import type { Outcome } from "../report/outcome.ts"
import type { GoBackTo, KeptRules } from "./kept-rules.ts"
import { RelockWatch } from "./relock-watch.ts"

/** Tells the knocker how an open stands: at its commit, and again when the listing after it is in. */
export type TellOpen = (verdict: "opened" | "open-failed", verified: boolean) => void

export interface FirewallWorkDeps {
  readonly run: RunCommand
  readonly clock: Clock
  readonly firewall: ArmedFirewall
  readonly rules: KeptRules
  readonly scope: "all" | "filter"
  readonly emit: (outcome: Outcome) => void
}

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

  /** Opens the firewall and keeps what was there. */
  async open(hard: boolean, tell: TellOpen = () => {}): Promise<void> {
    const { firewall, scope, emit } = this.#deps
    const startedMs = performance.now()
    const opening = firewall.open({ scope, hard })
    const commit = await opening.committed
    const committedMs = Math.round((performance.now() - startedMs) * 10) / 10
    this.#relocks.stop()
    tell(commit.ok ? "opened" : "open-failed", false)
    const report = await opening.settled
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
      stillDropping: this.stillDropping,
      ...(beyond === undefined ? {} : { cleared: beyond.cleared, left: beyond.left }),
    }
    if (failures.length > 0)
      emit(lookNow("open-failed", `the open did not work completely: ${failures.join("; ")}`, facts))
    else if (left.length > 0)
      emit(lookNow("opened", `opened, but ${left.length} can still drop: ${left.join("; ")}`, facts))
    else {
      const message = report.changed || hard ? "the firewall is open" : "the firewall was open already"
      emit({ event: "opened", code: "done", message, facts })
    }
  }

  /** What a plain open left alone is kept before `--hard` takes it away. */
  async #clearHard(kept: boolean): Promise<HardReport> {
    if (!kept) await this.#deps.rules.keep({ asleep: [], mark: "", legacyAccepts: [] })
    return await clearHard(systemHardDeps(this.#deps.run))
  }

  /** Goes back to kept rules. The outcome has been emitted already. */
  async goBack(which: GoBackTo): Promise<Outcome> {
    this.#relocks.stop() // what locks now is meant to
    this.#outOfReach = []
    const report = await this.#deps.rules.goBack(which)
    const outcome = outcomeOf(which, report)
    this.#deps.emit(outcome)
    return outcome
  }
}

/** How a way back is answered to the one who knocked for it. */
export function rollbackVerdict(outcome: Outcome): Verdict {
  if (outcome.event === "nothing-to-undo") return "nothing-to-do"
  return outcome.code === "done" ? "rolled-back" : "rollback-failed"
}

function outcomeOf(which: GoBackTo, report: RestoreReport | undefined): Outcome {
  const rules = which === "arming" ? "the rules in force at arming" : "the rules from before the last open"
  if (report === undefined)
    return {
      event: "nothing-to-undo",
      code: "refused",
      message:
        which === "arming"
          ? "no rules were kept at arming"
          : "nothing to undo: no open of this session changed anything",
    }
  const facts = {
    end: report.end,
    failures: report.failures,
    left: report.left.map(({ where, why }) => `${where}: ${why}`),
  }
  switch (report.end) {
    case "nothing-to-do":
      return { event: "rolled-back", code: "done", message: `${rules} are in force already`, facts }
    case "restored":
      if (report.ok)
        return { event: "rolled-back", code: "done", message: `${rules} are in force again`, facts }
      return lookNow(
        "rolled-back",
        `${rules} were put back, but something differs: ${differing(report)}`,
        facts,
      )
    case "put-back":
      return {
        event: "rollback-failed",
        code: "rolled-back",
        message: `could not put back ${rules}: ${report.failures.join("; ")}`,
        hint: "the rules are as they were a moment ago",
        facts,
      }
    case "half":
      return lookNow(
        "rollback-failed",
        `putting back ${rules} ended half-way: ${report.failures.join("; ")}`,
        facts,
      )
  }
}

function differing({ differences }: RestoreReport): string {
  return differences.map(({ where }) => where).join(", ")
}

function lookNow(event: string, message: string, facts: NonNullable<Outcome["facts"]>): Outcome {
  const hint = "look at the rules now; `fw-watchdog status` shows the session"
  return { event, code: "state-unknown", message, hint, facts }
}
