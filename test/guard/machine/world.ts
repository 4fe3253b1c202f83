import type { Survey } from "../../../src/firewall/obstacles/obstacle.ts"
import type { RestoreReport } from "../../../src/firewall/restore/report.ts"
import type { SessionConfiguration } from "../../../src/guard/machine/configuration.ts"
import type { Effect } from "../../../src/guard/machine/effect.ts"
import type { EffectEnd, SessionEvent } from "../../../src/guard/machine/event.ts"
import { type LeftBehind, takeOver } from "../../../src/guard/machine/left-behind.ts"
import {
  newSession,
  type OpeningState,
  type SessionRecord,
  type SnapshotRef,
} from "../../../src/guard/machine/record.ts"
import type { LiveFacts } from "../../../src/guard/machine/status.ts"
import { nextMomentMs, type Step, step } from "../../../src/guard/machine/step.ts"
import { type Journal, journalOf, sessionOf } from "../../../src/guard/state/journal.ts"
import type { Verdict } from "../../../src/knock/answer.ts"
import type { Outcome } from "../../../src/report/outcome.ts"

/** The processes of a guard that hears nothing, for who asks about the session. */
export const live: LiveFacts = {
  ...{ version: "0.2.0", backends: [], standbys: [], devices: [], deaf: false },
  ...{ guardPid: 1, listenerPid: 1, listenerStarts: 1, heard: 0, missed: 0, rejected: {} },
}

/** How an effect goes: how long it takes in milliseconds (infinite: it hangs), and what it comes to. */
export interface Fate {
  readonly takesMs: number
  readonly end: "works" | "fails" | "half" | "memory-only"
}

interface UnderWay {
  readonly atMs: number
  readonly end: () => EffectEnd | undefined
  readonly effect: Effect
}

/** A guard's kernel, disk and clients, as far as a session can tell: no time passes but what is asked for. */
export class World {
  nowMs = 1000
  /** The rules in force by name, and how they stand. */
  kernel: { rules: string; state: "shut" | "asleep" | "flushed" } = { rules: "at arming", state: "shut" }
  /** What is on disk: it survives a kill. */
  readonly disk: {
    journal: string | undefined
    mark: OpeningState | undefined
    left: LeftBehind | undefined
  } = { journal: undefined, mark: undefined, left: undefined }
  readonly #onDisk = new Map<string, string>()
  #held = new WeakMap<SnapshotRef, string>()
  #snapshots = 0
  record: SessionRecord
  alive = false
  /** Everything that was done, in words, to be read when something is not as promised. */
  readonly history: string[] = []
  readonly emitted: Outcome[] = []
  readonly answers: { knock: number; verdict: Verdict; verified: boolean }[] = []
  readonly replies = new Map<number, Outcome>()
  /** Effects that have begun and not ended; a kill forgets them. */
  #underWay: UnderWay[] = []
  #following = false
  readonly #events: SessionEvent[] = []
  /** Kills the guard before the so-manieth effect from now; infinite: not at all. */
  killIn = Number.POSITIVE_INFINITY
  writes = true
  /** Everything that stands in the way beside rules. */
  survey: Survey = { found: [], notLooked: [] }
  /** The terminals that are in use. */
  terminals: readonly string[] = []
  readonly #fate: (effect: Effect) => Fate
  readonly #step: (record: SessionRecord, event: SessionEvent, nowMs: number, wallMs: number) => Step
  /** Sees each effect before it is carried out. */
  onEffect: (effect: Effect) => void = () => {}
  /** Sees each event before it is followed. */
  onEvent: (event: SessionEvent) => void = () => {}
  /** Is called when the record is the next one, before its effects are carried out. */
  onStep: () => void = () => {}

  constructor(
    configuration: SessionConfiguration,
    fate: (effect: Effect) => Fate,
    mutated: typeof step = step,
  ) {
    this.#fate = fate
    this.#step = mutated
    this.record = newSession(configuration, this.#save("at arming", false), this.#moment())
  }

  #moment(): { bootMs: number; wallMs: number } {
    return { bootMs: this.nowMs, wallMs: 1_700_000_000_000 + this.nowMs }
  }

  #save(rules: string, memoryOnly: boolean): SnapshotRef {
    this.#snapshots += 1
    const ref = { path: memoryOnly ? "" : `/${this.#snapshots}` }
    this.#held.set(ref, rules)
    if (!memoryOnly) this.#onDisk.set(ref.path, rules)
    return ref
  }

  /** The rules that a snapshot holds. */
  rulesOf(ref: SnapshotRef | undefined): string | undefined {
    return ref && this.#held.get(ref)
  }

  /** What a session before this one has left: its rules are found again on the same disk. */
  takesOver(left: LeftBehind): void {
    const rules = left.open?.rules && this.#save("before the open", false)
    this.record = takeOver(this.record, { ...left, open: left.open && { ...left.open, rules } })
  }

  begin(): void {
    this.alive = true
    this.feed({ type: "begin" })
  }

  /** The guard is gone, at once; what it had sent to the kernel may be there or not. */
  kill(reached: (effect: Effect) => boolean): void {
    if (!this.alive) return
    this.history.push(`${this.nowMs} killed`)
    this.alive = false
    this.#events.length = 0
    const left = this.#underWay
    this.#underWay = []
    for (const { end, effect } of left) if (reached(effect)) end()
    this.#held = new WeakMap()
  }

  /** Another guard goes on, as after a restart by systemd. */
  resume(): void {
    if (this.disk.journal === undefined) throw new Error("no journal: the session was never begun")
    const opening = this.disk.mark
    const journal = { ...(JSON.parse(this.disk.journal) as Journal), ...(opening && { opening }) }
    const load = (path: string): SnapshotRef | undefined => {
      const rules = this.#onDisk.get(path)
      if (rules === undefined) return undefined
      const ref = { path }
      this.#held.set(ref, rules)
      return ref
    }
    this.history.push(`${this.nowMs} resumed${opening === undefined ? "" : `, an open was ${opening}`}`)
    this.killIn = Number.POSITIVE_INFINITY
    this.record = sessionOf(journal, load, this.#moment())
    this.begin()
  }

  feed(event: SessionEvent): void {
    if (!this.alive) return
    this.#events.push(event)
    if (this.#following) return
    this.#following = true
    try {
      for (let next = this.#events.shift(); next !== undefined && this.alive; next = this.#events.shift()) {
        if (next.type !== "moment" && next.type !== "written")
          this.history.push(`${this.nowMs} ${said(next)}`)
        this.onEvent(next)
        const { record, effects } = this.#step(this.record, next, this.nowMs, this.#moment().wallMs)
        this.record = record
        this.onStep()
        for (const effect of effects) {
          this.killIn -= 1
          if (this.killIn < 0) this.kill(() => true)
          if (!this.alive) break
          this.#carryOut(effect)
        }
      }
    } finally {
      this.#following = false
    }
  }

  /** Lets time pass, from one thing that is due to the next. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms
    for (let stood = 0; this.alive; ) {
      const end = this.#underWay.reduce<UnderWay | undefined>(
        (first, one) => (first === undefined || one.atMs < first.atMs ? one : first),
        undefined,
      )
      const momentMs = nextMomentMs(this.record)
      const nextMs = Math.min(end?.atMs ?? Number.POSITIVE_INFINITY, momentMs)
      if (nextMs > untilMs) break
      stood = nextMs > this.nowMs ? 0 : stood + 1
      if (stood > 1000) throw new Error(`a moment is due for ever\n${this.history.join("\n")}`)
      this.nowMs = Math.max(this.nowMs, nextMs)
      if (end !== undefined && end.atMs <= momentMs) {
        this.#underWay = this.#underWay.filter((one) => one !== end)
        const event = end.end()
        if (event !== undefined) this.feed(event)
      } else this.feed({ type: "moment" })
    }
    this.nowMs = Math.max(this.nowMs, untilMs)
  }

  #carryOut(effect: Effect): void {
    this.onEffect(effect)
    switch (effect.type) {
      case "mark":
        this.disk.mark = effect.state
        return
      case "write": {
        if (this.writes) this.disk.journal = JSON.stringify(journalOf(this.record, "this boot"))
        return this.feed({ type: "written", ok: this.writes })
      }
      case "commit":
      case "keep":
      case "settle":
      case "clear":
      case "survey":
      case "restore":
      case "prepare":
      case "apply":
      case "compare":
      case "leave":
      case "prove":
      case "look": {
        const fate = this.#fate(effect)
        this.history.push(`${this.nowMs}   ${effect.type} ${fate.end} in ${fate.takesMs} ms`)
        this.#underWay.push({
          atMs: this.nowMs + fate.takesMs,
          end: () => this.#end(effect, fate.end),
          effect,
        })
        return
      }
      case "stop-listening":
        return
      case "answer":
        this.history.push(`${this.nowMs}   answered ${effect.knock}: ${effect.verdict} ${effect.verified}`)
        this.answers.push(effect)
        return
      case "reply":
        this.history.push(`${this.nowMs}   replied ${effect.ask}: ${effect.outcome.event}`)
        this.replies.set(effect.ask, effect.outcome)
        return
      case "emit":
        this.history.push(`${this.nowMs}   said: ${effect.outcome.event}, ${effect.outcome.message}`)
        this.emitted.push(effect.outcome)
        return
      case "end":
        this.history.push(`${this.nowMs} over`)
        this.disk.journal = undefined
        return
    }
  }

  /** What an effect does to the kernel, at its end; and the event that it is fed back as. */
  #end(
    effect: Extract<
      Effect,
      {
        type:
          | "commit"
          | "keep"
          | "settle"
          | "clear"
          | "survey"
          | "restore"
          | "prepare"
          | "apply"
          | "compare"
          | "leave"
          | "look"
          | "prove"
      }
    >,
    end: Fate["end"],
  ): EffectEnd | undefined {
    const works = end === "works" || end === "memory-only"
    switch (effect.type) {
      case "commit": {
        const changed = this.kernel.state === "shut"
        if (works && changed) this.kernel = { ...this.kernel, state: "asleep" }
        return { type: "committed", task: effect.task, failures: works ? [] : ["no"], tookMs: 1 }
      }
      case "keep": {
        const kept = (snapshot: SnapshotRef | undefined, failures: readonly string[] = []): EffectEnd => {
          return { type: "kept", task: effect.task, snapshot, failures }
        }
        if (this.kernel.state === "flushed" && !effect.always) return kept(undefined)
        if (effect.cutOff === "kept" && this.rulesOf(effect.lastOpen) !== undefined)
          return kept(effect.lastOpen)
        if (!works) return kept(undefined, ["keep: no"])
        const isSame = this.kernel.state === "flushed" && effect.isOpen
        if (isSame && this.rulesOf(effect.lastOpen) !== undefined) return kept(effect.lastOpen)
        return kept(this.#save(this.#listed(), end === "memory-only"))
      }
      case "settle": {
        const changed = this.kernel.state !== "flushed"
        if (works) this.kernel = { rules: "nothing", state: "flushed" }
        const dropping = works ? [] : ["something"]
        return { type: "settled", task: effect.task, changed, failures: works ? [] : ["no"], dropping }
      }
      case "clear":
        return {
          type: "cleared",
          task: effect.task,
          report: { cleared: [], failures: works ? [] : ["no"], left: [] },
          dropping: this.kernel.state === "flushed" ? [] : ["something"],
        }
      case "survey":
        return { type: "surveyed", task: effect.task, survey: this.survey }
      case "restore": {
        const rules = this.rulesOf(effect.snapshot)
        const report = rules === undefined ? undefined : this.#restore(rules, end)
        return { type: "restored", task: effect.task, report, standing: [] }
      }
      case "apply": {
        const [before, candidate] = [this.rulesOf(effect.before), this.rulesOf(effect.candidate)]
        if (candidate === undefined || this.kernel.state === "asleep" || this.#listed() !== before)
          return { type: "apply-refused", task: effect.task, outcome: raced }
        return {
          type: "restored",
          task: effect.task,
          report: this.#restore(candidate, end),
          standing: ["old"],
        }
      }
      case "prepare": {
        const { id } = effect.order
        if (!works) return { type: "prepare-refused", id, outcome: raced }
        const before = this.#save(this.#listed(), false)
        return { type: "prepared", id, sides: { before, candidate: this.#save(`change ${id}`, false) } }
      }
      case "compare": {
        if (!works) return { type: "not-compared", id: effect.id, why: "no" }
        const same = this.#listed() === this.rulesOf(effect.candidate)
        const inForce = same ? undefined : this.#save(this.#listed(), end === "memory-only")
        return { type: "compared", id: effect.id, inForce, differs: same ? [] : ["others"] }
      }
      case "leave": {
        if (works) this.disk.left = effect.behind
        return {
          type: "left",
          failure: works ? undefined : "no",
          undoable: works && effect.behind.open?.rules !== undefined,
        }
      }
      case "prove": {
        const { snapshot, restore } = effect
        return {
          type: "proven",
          snapshot,
          restore,
          lost: works ? [] : ["a table: it differs"],
          failure: undefined,
        }
      }
      case "look": {
        const dropping = this.kernel.state === "flushed" ? [] : ["something"]
        return { type: "looked", turn: effect.turn, dropping, terminals: this.terminals, tookMs: 1 }
      }
    }
  }

  /** The rules that a listing finds. */
  #listed(): string {
    return this.kernel.state === "flushed" ? "nothing" : this.kernel.rules
  }

  #restore(rules: string, end: Fate["end"]): RestoreReport {
    const report = { ok: false, changed: false, failures: [], left: [], differences: [], takenAway: [] }
    if (end === "fails") return { ...report, end: "put-back", failures: ["no"] }
    if (end === "half") {
      this.kernel = { rules: "half", state: "shut" }
      return { ...report, end: "half", changed: true, failures: ["no"] }
    }
    const there = this.kernel.state === "shut" && this.kernel.rules === rules
    this.kernel = { rules, state: rules === "nothing" ? "flushed" : "shut" }
    return { ...report, end: there ? "nothing-to-do" : "restored", ok: true, changed: !there }
  }
}

const raced: Outcome = { event: "raced", code: "refused", message: "others wrote rules" }

function said(event: SessionEvent): string {
  if (event.type === "knock") return `knock ${event.knock} ${event.verb}${event.hard ? " --hard" : ""}`
  if (event.type === "command") return `command ${event.ask} ${event.command}`
  return event.type
}
