import { randomBytes } from "node:crypto"
import { type RuleInput, readRuleInput } from "../../apply/input.ts"
import { type PlannedChange, planChange } from "../../apply/plan.ts"
import { findSshClient, type SshConnection } from "../../apply/ssh-client.ts"
import { Fault } from "../../errors.ts"
import { findTools } from "../../firewall/tools/tool-paths.ts"
import { askOnce } from "../../guard/control/client.ts"
import { foldersFor } from "../../guard/state/folders.ts"
import { readMade } from "../../guard/state/made-file.ts"
import { exitCodeFor, type Outcome, outcomeOfFault } from "../../report/outcome.ts"
import { runCommand } from "../../system/process/run-command.ts"
import { findSystemTools } from "../../system/process/system-tools.ts"
import { systemClock } from "../../system/system-clock.ts"
import { addressToShow } from "../arming/instructions.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"
import type { ViewerSignals } from "../watchdog/viewer.ts"
import { type ApplyGuard, joinGuard, orderChange, refuseWhileChangeWaits } from "./guard.ts"
import type { ApplyOptions } from "./options.ts"
import { notSavable, refuseOtherNamespace, saveAsConfirmed, saveConfirmed } from "./save.ts"
import {
  checkOutcome,
  lockedOut,
  planFacts,
  planFactsWithDifference,
  printRules,
  showConfirmLines,
  showGenerated,
  showPlan,
} from "./show.ts"
import { awaitEnd } from "./wait.ts"

/** How often a change is rehearsed anew because somebody else wrote rules meanwhile. */
const mostRaces = 2

/**
 * `fw-apply FILE`: rehearses, shows, checks, changes the rules, and waits until that is confirmed or has gone back.
 * @returns the exit code; everything has been said
 */
export async function applyFile(
  options: ApplyOptions,
  terminal: Terminal,
  host: ProgramHost,
  signals: ViewerSignals,
): Promise<number> {
  const interrupt = new Interrupt(signals)
  try {
    const outcome = await new FileChange(options, terminal, host, interrupt).run()
    terminal.report(outcome)
    return exitCodeFor(outcome.code)
  } catch (thrown) {
    showGenerated(thrown, terminal)
    const outcome = outcomeOfFault(thrown, {
      changed: thrown instanceof Fault && thrown.code === "state-unknown" ? undefined : false,
    })
    terminal.report(outcome)
    return exitCodeFor(outcome.code)
  }
}

/** Ctrl-C: what it means depends on how far the change is. */
class Interrupt {
  #pressed: () => void = () => {}
  readonly #end: () => void
  /** Rejects when Ctrl-C is pressed while nothing has been changed. */
  readonly early: Promise<never>

  constructor(signals: ViewerSignals) {
    let end: () => void = () => {}
    this.early = new Promise((_, reject) => {
      end = () => reject(new Fault("refused", "interrupted; nothing was changed"))
    })
    this.early.catch(() => {})
    this.#end = end
    this.#pressed = end
    signals.onInterrupt(() => this.#pressed())
  }

  /** From here on it does this; without, it ends what has changed nothing. */
  means(then: () => void = this.#end): void {
    this.#pressed = then
  }
}

class FileChange {
  readonly #options: ApplyOptions
  readonly #terminal: Terminal
  readonly #host: ProgramHost
  readonly #interrupt: Interrupt

  constructor(options: ApplyOptions, terminal: Terminal, host: ProgramHost, interrupt: Interrupt) {
    this.#options = options
    this.#terminal = terminal
    this.#host = host
    this.#interrupt = interrupt
  }

  async run(): Promise<Outcome> {
    const options = this.#options
    const input = readRuleInput(options.file, options.format, options.family)
    const { from, to } = options
    const said = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
    const connection = findSshClient(said, this.#host.env, process.ppid)
    if (process.geteuid?.() !== 0)
      throw new Fault("permission", "cannot rehearse or change rules without root", { hint: "sudo fw-apply" })
    if (options.save) refuseOtherNamespace()
    if (options.print === undefined) await refuseWhileChangeWaits(this.#host)
    if (connection === undefined) this.#withoutClient()
    let guard: ApplyGuard | undefined
    try {
      for (let races = 0; ; races += 1) {
        const plan = await Promise.race([this.#plan(input, connection), this.#interrupt.early])
        const early = await this.#withoutGuard(plan)
        if (early !== undefined) return early
        guard ??= await joinGuard(options, connection, plan.before, this.#terminal, this.#host)
        await Promise.race([this.#interrupt.early, undefined])
        const outcome = await this.#change(guard, plan, connection)
        this.#interrupt.means()
        if (outcome.event === "ending" && races < mostRaces) {
          // It began to end while this was rehearsed: the next one is armed behind it.
          guard = undefined
          continue
        }
        if (outcome.event !== "raced" || races === mostRaces) {
          if (outcome.code === "refused") await guard.giveUp()
          return outcome
        }
        this.#terminal.warn(`${outcome.message}; rehearsing again`)
      }
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.code === "state-unknown") throw thrown
      await guard?.giveUp()
      throw thrown
    }
  }

  /** A console needs no way in by ssh. Whoever automates has one, and has to say which. */
  #withoutClient(): void {
    const { force } = this.#options
    if (this.#host.stderr.isTTY === true || force)
      return this.#terminal.warn("no ssh login: whether a new connection still gets in is not tried")
    throw new Fault("refused", "nobody knows where you come in from, so a lockout cannot be seen", {
      hint: "say it with --from ADDRESS --to tcp/22, or go on without by --force",
    })
  }

  async #plan(input: RuleInput, connection: SshConnection | undefined): Promise<PlannedChange> {
    const { timeoutMs, replaceAll } = this.#options
    this.#terminal.progress("rehearsing in a copy of this machine")
    const deps = {
      run: runCommand,
      runHere: runCommand,
      clock: systemClock,
      tools: findTools(),
      system: findSystemTools(),
    }
    const made = readMade(foldersFor(this.#host.env).state)
    return await planChange(deps, input, { timeoutMs, connection, replaceAll, made })
  }

  /** Everything that ends before a guard is needed. */
  async #withoutGuard(plan: PlannedChange): Promise<Outcome | undefined> {
    const { check, print, force, save } = this.#options
    const terminal = this.#terminal
    if (print === undefined) showPlan(plan, terminal, this.#host)
    const shut = lockedOut(plan, force, terminal)
    if (shut !== undefined && print === undefined) return shut
    if (print !== undefined) {
      const printed = printRules(plan, print, terminal)
      return check ? { ...checkOutcome(plan), message: printed.message } : printed
    }
    const unsavable = save && !force ? notSavable(plan.candidate, planFacts(plan)) : undefined
    if (unsavable !== undefined) return unsavable
    if (check) return checkOutcome(plan)
    if (plan.difference.changed) return undefined
    const outcome = checkOutcome(plan)
    return save ? await saveConfirmed(plan.candidate, outcome, terminal) : outcome
  }

  async #change(
    guard: ApplyGuard,
    plan: PlannedChange,
    connection: SshConnection | undefined,
  ): Promise<Outcome> {
    const options = this.#options
    const { runtimeFolder } = guard
    const terminal = this.#terminal
    const id = randomBytes(8).toString("hex")
    let interrupts = 0
    let leave: (fault: Fault) => void = () => {}
    const left = new Promise<never>((_, reject) => {
      leave = reject
    })
    left.catch(() => {})
    this.#interrupt.means(() => {
      interrupts += 1
      if (interrupts > 1)
        return leave(
          new Fault("state-unknown", "left without waiting for the guard", {
            hint: "`fw-watchdog status` shows whether the change still waits; it goes back by itself",
          }),
        )
      terminal.say("going back; Ctrl-C again leaves without waiting for the guard")
      askOnce(runtimeFolder, { command: "rollback", by: "Ctrl-C" }).catch(() => {})
    })
    terminal.progress("trying out the way back, and changing the rules")
    const applied = await Promise.race([orderChange(guard, plan, id, options, connection, this.#host), left])
    const facts = { ...planFacts(plan), ...applied.facts }
    if (applied.event !== "applied") return { ...applied, facts }
    if (options.withinMs === 0) {
      const kept = { ...applied, facts: { ...planFactsWithDifference(plan), ...applied.facts } }
      return options.save ? await saveConfirmed(plan.candidate, kept, terminal) : kept
    }
    terminal.report({ ...applied, facts: { ...planFactsWithDifference(plan), ...applied.facts } })
    const knocks = options.secretFile !== undefined || this.#host.stderr.isTTY === true
    const address = addressToShow(connection?.serverAddress)
    const way = { knocks, host: guard.knockHost, proven: guard.proven }
    if (!options.marked) showConfirmLines(options, address, connection, way, terminal, this.#host)
    if (options.detach) return detached(options.save, { ...applied, facts })
    const end = await Promise.race([
      awaitEnd(runtimeFolder, { id, withinMs: options.withinMs }, terminal, this.#host),
      left,
    ])
    // Whoever confirms by fw-apply saves too; a knock cannot.
    const saves = options.save && end.event === "confirmed" && end.facts?.by === "a knock"
    return saves ? await saveAsConfirmed(end, terminal) : end
  }
}

/** The change waits, and nobody here waits with it: `fw-apply confirm` and the guard see to its end. */
function detached(save: boolean, { facts = {} }: Outcome): Outcome {
  return {
    event: "detached",
    code: "done",
    message: `change ${facts.id} waits for its confirmation without us`,
    ...(save ? { hint: "`fw-apply confirm` saves it too; a confirmation by a knock does not" } : {}),
    facts,
  }
}
