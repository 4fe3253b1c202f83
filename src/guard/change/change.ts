import type { Clock, Timer } from "../../clock.ts"
import { Fault } from "../../errors.ts"
import type { Verdict } from "../../knock/answer.ts"
import type { Outcome } from "../../report/outcome.ts"
import { type Connection, connectionKey, type ReadConnections } from "../../system/tcp-connections.ts"
import type { FirewallWork } from "../rules/operations.ts"
import type { ChangeOrder, KeptChange, LastChange, PendingStatus } from "../state/change-record.ts"
import { type ConfirmWay, judgeConfirm, newWayInFrom } from "./confirmation.ts"
import {
  applied,
  confirmed,
  fromNewConnection,
  notApplied,
  nothingWaits,
  refusal,
  refusedBy,
  rolledBack,
  unchanged,
  unexpected,
} from "./outcomes.ts"
import type { ChangeRules } from "./rules.ts"

export interface ChangeDeps {
  readonly clock: Clock
  readonly rules: Pick<ChangeRules, "prepare" | "apply" | "resume" | "goBack" | "accept" | "forget">
  readonly work: Pick<FirewallWork, "replaceRules">
  readonly connections: ReadConnections
  readonly wayOf: (pid: number, connections: readonly Connection[]) => ConfirmWay
  readonly emit: (outcome: Outcome) => void
}

/** What a change needs of its session. */
export interface ChangeSession {
  /** Writes the journal; false when that failed. */
  journal(): boolean
  /** The session lasts at least so much longer, in milliseconds. */
  lastAtLeast(ms: number): void
  /** A change is over. @param clean everything is as was promised */
  changeOver(clean: boolean): void
}

/** The session's end waits so long behind a change's deadline, in milliseconds. */
const sessionOutlivesMs = 30_000
/** Trying out the way back and changing the rules take less than this, in milliseconds, whatever their number. */
const longestWorkMs = 300_000
const lookMs = 1000
const pastAll = "the session ends"

/**
 * The change that `fw-apply` has asked for: put in force with a way back that is journalled first, kept when it is
 * confirmed over a new connection, and taken back by itself when it is not. One at a time.
 */
export class Change {
  readonly #deps: ChangeDeps
  #session: ChangeSession | undefined
  #pending: KeptChange | undefined
  #last: LastChange | undefined
  #applying: Promise<unknown> | undefined
  #goingBack: Promise<Outcome> | undefined
  #timers: Timer[] = []
  #closed = false

  constructor(deps: ChangeDeps) {
    this.#deps = deps
  }

  attach(session: ChangeSession): void {
    this.#session = session
  }

  /** Goes on with what the journal of a killed guard says. */
  resume(pending: KeptChange | undefined, last: LastChange | undefined): void {
    this.#last = last
    if (pending === undefined) return
    this.#deps.rules.resume(pending)
    this.#pending = pending
  }

  /** The session has begun: what was resumed is taken up, or back. */
  begin(): void {
    if (this.#pending === undefined) return
    if (!this.#pending.applied) void this.rollBack("the guard was killed while it changed the rules")
    else this.#watchDeadline()
  }

  /** As the journal keeps it. */
  get kept(): { readonly change?: KeptChange; readonly lastChange?: LastChange } {
    return {
      ...(this.#pending === undefined ? {} : { change: this.#pending }),
      ...(this.#last === undefined ? {} : { lastChange: this.#last }),
    }
  }

  get last(): LastChange | undefined {
    return this.#last
  }

  get status(): PendingStatus | undefined {
    if (this.#pending === undefined) return undefined
    const { id, user, client, applied, opened, deadlineMs } = this.#pending
    const secondsLeft = Math.max(0, Math.ceil((deadlineMs - this.#deps.clock.bootMs()) / 1000))
    return { id, user, client, secondsLeft, applied, opened }
  }

  /** Puts new rules in force; they go back by themselves unless they are confirmed in time. Never rejects. */
  async apply(order: ChangeOrder): Promise<Outcome> {
    if (this.#closed) return refusal("ending", "the session is ending already", "try again in a moment")
    if (this.#pending !== undefined || this.#applying !== undefined) return this.#pendingAlready()
    const applying = this.#apply(order)
    this.#applying = applying
    try {
      return await applying
    } finally {
      this.#applying = undefined
    }
  }

  async #apply(order: ChangeOrder): Promise<Outcome> {
    const { rules, work, emit } = this.#deps
    this.#session?.lastAtLeast(order.withinMs + longestWorkMs)
    try {
      const sides = await rules.prepare(order, order.force)
      const begin = (): void => this.#begin(order, sides.paths)
      const report = await work.replaceRules(() => rules.apply(sides, begin))
      const outcome = await this.#settle(order, report)
      emit(outcome)
      return outcome
    } catch (thrown) {
      this.#clear() // nothing was changed, and whoever asked may ask again
      return refusedBy(order.id, thrown)
    }
  }

  /** The last moment before the rules change: from here on a guard that is killed owes the way back. */
  #begin(order: ChangeOrder, paths: { readonly before: string; readonly candidate: string }): void {
    if (this.#closed) throw new Fault("refused", "the session is ending already")
    const { id, user, withinMs, save, sshPort, client } = order
    const deadlineMs = this.#deps.clock.bootMs() + withinMs
    const none = { applied: false, opened: false, standing: [] }
    this.#pending = { id, user, withinMs, save, sshPort, client, deadlineMs, ...none, ...paths }
    if (this.#session?.journal() === false && !order.force)
      throw new Fault("refused", "the journal cannot be written: a killed guard would not go back", {
        hint: "nothing was changed; make room in the runtime folder, or --force",
      })
  }

  async #settle(order: ChangeOrder, report: Awaited<ReturnType<ChangeRules["apply"]>>): Promise<Outcome> {
    const { rules, work, clock } = this.#deps
    const { id, withinMs } = order
    const wrong = unexpected(report)
    if (report.end === "nothing-to-do" && wrong.length === 0) return this.#end(unchanged(id))
    if (report.end === "put-back") return this.#end(notApplied(id, report.failures.join("; "), undefined))
    if (report.end === "half" || (wrong.length > 0 && !order.force)) {
      const why = report.failures[0] ?? `somebody else wrote rules at the same moment: ${wrong.join(", ")}`
      return this.#end(notApplied(id, why, await work.replaceRules(() => rules.goBack())))
    }
    const left = report.left.map(({ where, why }) => `${where}: ${why}`)
    const outcome = applied(id, withinMs, { secondsLeft: withinMs / 1000, left, differences: wrong })
    if (withinMs === 0) {
      rules.accept()
      return this.#end(outcome)
    }
    if (this.#pending !== undefined)
      this.#pending = {
        ...this.#pending,
        applied: true,
        deadlineMs: clock.bootMs() + withinMs,
        standing: this.#deps.connections().map(connectionKey),
      }
    this.#session?.lastAtLeast(withinMs + sessionOutlivesMs)
    this.#session?.journal()
    this.#watchDeadline()
    return outcome
  }

  /** `fw-apply confirm` by this process. */
  confirm(pid: number): Outcome {
    const change = this.#pending
    if (change === undefined) return nothingWaits
    const connections = this.#deps.connections()
    const judged = judgeConfirm(change, this.#deps.wayOf(pid, connections), connections)
    if (!judged.ok)
      return refusal("confirm-refused", `cannot confirm: ${judged.why}`, fromNewConnection, { id: change.id })
    return this.#confirm(change, "fw-apply", judged.notice)
  }

  /** `fw-knock confirm` from this address. */
  confirmByKnock(source: string): Verdict {
    const change = this.#pending
    if (change === undefined) return "nothing-to-do"
    if (!newWayInFrom(change, source, this.#deps.connections())) return "refused"
    return this.#confirm(change, "a knock", undefined).code === "done" ? "confirmed" : "refused"
  }

  #confirm(change: KeptChange, by: "fw-apply" | "a knock", notice: string | undefined): Outcome {
    const facts = { id: change.id }
    if (!change.applied)
      return refusal("confirm-refused", "the rules are still being changed", "try again in a moment", facts)
    if (this.#goingBack !== undefined || this.#deps.clock.bootMs() >= change.deadlineMs)
      return refusal("confirm-refused", "too late: the rules are going back", "apply the change again", facts)
    if (change.opened)
      return refusal(
        "confirm-refused",
        "the firewall was opened since: the change is not what is in force",
        "`fw-apply rollback` goes back to the rules before it; `fw-watchdog undo` first puts the change back in force",
        facts,
      )
    this.#deps.rules.accept()
    const outcome = confirmed(change.id, by, notice)
    const withSave = {
      ...outcome,
      facts: { ...outcome.facts, save: change.save, candidate: change.candidate },
    }
    this.#end(withSave)
    this.#deps.emit(withSave)
    return withSave
  }

  /** Goes back now, when what is being applied has been. Whoever asks meanwhile gets the same answer. Never rejects. */
  async rollBack(why: string): Promise<Outcome> {
    await this.#applying?.catch(() => {})
    if (this.#pending === undefined) return nothingWaits
    this.#goingBack ??= this.#rollBack(this.#pending, why).finally(() => {
      this.#goingBack = undefined
    })
    return await this.#goingBack
  }

  async #rollBack(change: KeptChange, why: string): Promise<Outcome> {
    const report = await this.#deps.work.replaceRules(() => this.#deps.rules.goBack())
    const outcome = this.#end(rolledBack(change.id, why, report))
    this.#deps.emit(outcome)
    return outcome
  }

  /** An open: what is in force is not the change any more. What is owed at the deadline is owed all the same. */
  firewallOpened(): void {
    this.#mark(true)
  }

  /** What the open took away is in force again. */
  openUndone(): void {
    this.#mark(false)
  }

  #mark(opened: boolean): void {
    if (this.#pending === undefined || this.#pending.opened === opened) return
    this.#pending = { ...this.#pending, opened }
    this.#session?.journal()
  }

  /** The session ends: nothing more is applied, and what waits goes back. */
  async close(): Promise<void> {
    this.#closed = true
    await this.rollBack(pastAll)
    this.#cancelTimers()
  }

  #end(outcome: Outcome): Outcome {
    this.#last = { id: String(outcome.facts?.id ?? ""), outcome }
    this.#clear()
    this.#session?.changeOver(outcome.code !== "state-unknown")
    return outcome
  }

  #clear(): void {
    this.#cancelTimers()
    this.#deps.rules.forget()
    if (this.#pending === undefined) return
    this.#pending = undefined
    this.#session?.journal()
  }

  #watchDeadline(): void {
    const { clock } = this.#deps
    const look = (): void => {
      const { deadlineMs, withinMs } = this.#pending ?? {}
      if (deadlineMs === undefined || withinMs === undefined || clock.bootMs() < deadlineMs) return
      this.#cancelTimers()
      void this.rollBack(`not confirmed within ${withinMs / 1000} s`)
    }
    const leftMs = Math.max(0, (this.#pending?.deadlineMs ?? 0) - clock.bootMs())
    // Timers do not count suspend, so the clock is looked at besides.
    this.#timers = [clock.after(leftMs, look), clock.every(lookMs, look)]
  }

  #cancelTimers(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers = []
  }

  #pendingAlready(): Outcome {
    const pending = this.status
    const which =
      pending === undefined
        ? "another change is being prepared"
        : `a change by ${pending.user} waits for its confirmation, ${pending.secondsLeft} s left`
    return refusal("change-pending", which, "one change at a time: `fw-apply confirm` or `fw-apply rollback`")
  }
}
