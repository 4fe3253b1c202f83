import type { Clock } from "../clock.ts"
import { reasonOf } from "../errors.ts"
import type { FirewallState } from "../firewall/open/contract.ts"
import type { ToListener } from "../pipe/messages.ts"
import type { Outcome } from "../report/outcome.ts"
import type { Change } from "./change/change.ts"
import type { ArmedSecret, SessionConfiguration } from "./configuration.ts"
import { Deadlines, type SessionEnd } from "./deadlines.ts"
import { KnockActions } from "./knocks/act.ts"
import { type KnockMessage, type PlainMessage, Reception } from "./knocks/receive.ts"
import { ListenerNews } from "./listeners/log.ts"
import { Rejections } from "./listeners/rejection-counts.ts"
import type { Listeners } from "./listeners/supervisor.ts"
import { WaysBack } from "./rollback.ts"
import type { FirewallWork } from "./rules/operations.ts"
import { type SessionStatus, statusOf } from "./session-status.ts"
import type { ChangeOrder } from "./state/change-record.ts"
import type { Journal, SessionJournal } from "./state/journal.ts"

export interface SessionDeps {
  readonly clock: Clock
  readonly configuration: SessionConfiguration
  readonly work: Pick<
    FirewallWork,
    "opens" | "stillDropping" | "reLocks" | "open" | "goBack" | "idle" | "close"
  >
  /** The backends of this machine, for `status`. */
  readonly backends: readonly string[]
  /** The loaders that wait for an open now, for `status`. */
  readonly standbys: () => FirewallState["standbys"]
  /** Takes every event once; must not block. */
  readonly emit: (outcome: Outcome) => void
  /** Set when this goes on with the session of a guard that was killed. */
  readonly resumed?: Pick<Journal, "deadlineMs" | "closeAgainMs" | "bornWallMs" | "opening">
  /** The change of rules that `fw-apply` asks for. */
  readonly change?: Change
  /** Called whenever what the journal holds has changed; false says that it could not be written. */
  readonly changed: (state: SessionJournal) => unknown
  /** Nonces that are remembered; many unless told. */
  readonly nonceCapacity?: number
}

/** How long a session stays behind the change that it was armed for, in milliseconds: people are being told. */
const afterChangeMs = 1500
/** Knocks are answered so long behind a change that could not be taken back, in milliseconds. */
const repairMs = 30 * 60_000
/** How long what is under way or owed may take at the end, in milliseconds; every command in it has a limit of its own. */
const lastWorkMs = 180_000

/**
 * One arming, from start to expiry: does what a knock asks for, has the firewall opened, and ends when it promised to. Lives
 * in the guard.
 */
export class Session {
  readonly #deps: SessionDeps
  readonly #reception: Reception
  readonly #actions: KnockActions
  readonly #bornWallMs: number
  readonly #deadlines: Deadlines
  readonly #rejections = new Rejections()
  readonly #news: ListenerNews
  readonly #waysBack: WaysBack
  #listener: Listeners | undefined
  #over = false
  #resolveEnded: (how: SessionEnd) => void = () => {}
  /** Resolves when the session is over and its last action is done. */
  readonly ended: Promise<SessionEnd>

  constructor(deps: SessionDeps) {
    this.#deps = deps
    this.#bornWallMs = deps.resumed?.bornWallMs ?? deps.clock.wallMs()
    this.#news = new ListenerNews(deps)
    const { secrets, plain } = deps.configuration
    this.#reception = new Reception({
      clock: deps.clock,
      secrets,
      plain,
      bornWallMs: this.#bornWallMs,
      resumed: deps.resumed !== undefined,
      rejections: this.#rejections,
      state: () => ({
        stillDropping: deps.work.stillDropping.length,
        reLocks: deps.work.reLocks,
        secondsLeft: this.#deadlines.secondsLeft,
      }),
      ...(deps.nonceCapacity === undefined ? {} : { nonceCapacity: deps.nonceCapacity }),
    })
    const born = { deadlineMs: deps.clock.bootMs() + deps.configuration.timeoutMs, closeAgainMs: 0 }
    this.#deadlines = new Deadlines(deps.clock, deps.resumed ?? born, {
      onEnd: () => this.end("expired", "the session expired"),
      onCloseAgain: () => void this.#waysBack.closeAgain(),
      onLook: () => this.#news.rejected(this.#rejections, this.#listener),
    })
    this.#waysBack = new WaysBack({
      work: deps.work,
      change: deps.change,
      deadlines: this.#deadlines,
      write: () => this.#changed(),
      isOver: () => this.#over,
    })
    this.#actions = new KnockActions({
      ...deps,
      reception: this.#reception,
      waysBack: this.#waysBack,
      change: deps.change,
      write: () => this.#changed(),
    })
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve
    })
    deps.change?.attach({
      journal: () => this.#changed(),
      lastAtLeast: (ms) => this.#deadlines.lastAtLeast(ms),
      changeOver: (clean) => this.#changeOver(clean),
    })
  }

  /** A session that was armed for one change ends with it; none ends soon when something may have to be repaired. */
  #changeOver(clean: boolean): void {
    if (!clean) this.#deadlines.lastAtLeast(repairMs)
    else if (this.#deps.configuration.forChange === true)
      this.#deps.clock.after(afterChangeMs, () =>
        this.end("change-over", "the change is over, and so is its session"),
      )
  }

  /** Accepts knocks under these secrets from now on, and under no others; what is known of old knocks is kept. */
  useSecrets(secrets: readonly ArmedSecret[]): void {
    this.#reception.useSecrets(secrets)
    this.#changed()
  }

  /** What the listener gets of each secret: its tag and the key of its screen. */
  screenKeys(): ToListener[] {
    return this.#reception.screenKeys()
  }

  watchListener(listener: Listeners): void {
    this.#listener = listener
  }

  /** Starts the clock's work; the session is armed. */
  begin(): void {
    const { timeoutMs, onExpiry, dryRun, armedBy } = this.#deps.configuration
    const how = this.#deps.resumed === undefined ? "armed" : "resumed"
    const facts = { timeoutSeconds: timeoutMs / 1000, onExpiry, dryRun, ...armedBy }
    this.#deps.emit({ event: how, code: "done", message: how, facts })
    this.#deadlines.begin()
    if (this.#deps.resumed?.opening !== undefined && !dryRun) void this.#deps.work.open(false)
    this.#changed()
    this.#deps.change?.begin()
  }

  /** @returns whether the journal could be written */
  #changed(): boolean {
    const journalled = this.#deps.changed({
      ...this.#deadlines.kept,
      ...this.#deps.change?.kept,
      configuration: { ...this.#deps.configuration, secrets: this.#reception.armed },
      bornWallMs: this.#bornWallMs,
    })
    return journalled !== false
  }

  /** `fw-watchdog extend`: the session lasts so much longer, and never longer than the longest session from now. */
  extend(byMs: number): Outcome {
    if (this.#over) return endingAlready
    this.#deadlines.extend(byMs)
    this.#changed()
    const { secondsLeft } = this.#deadlines
    const outcome: Outcome = {
      event: "extended",
      code: "done",
      message: `extended, ${secondsLeft} s left`,
      facts: { secondsLeft },
    }
    this.#deps.emit(outcome)
    return outcome
  }

  /** A request that a listener says it heard; `reply` sends 128 bytes back the way it came. */
  knock(message: KnockMessage, reply: (data: Uint8Array) => void): void {
    if (!this.#over && !this.#deadlines.past) this.#actions.knock(message, reply)
  }

  /** The bare text of `--plain`, heard in an echo request. */
  plain(message: PlainMessage): void {
    if (!this.#over && !this.#deadlines.past) this.#actions.plain(message)
  }

  /** An open has kept the rules from before it, and is about to take them away. */
  rulesKept(): void {
    this.#changed()
  }

  /** `fw-watchdog undo`: puts back what the last open changed. */
  async undo(): Promise<Outcome> {
    return this.#over ? endingAlready : await this.#waysBack.goBack("last-open")
  }

  listenerEnded(why: string): void {
    if (!this.#over) this.#news.ended(why)
  }

  listenerReplaced(why: string): void {
    this.#news.replaced(why)
  }

  /** Ends the session once; what is owed at expiry is carried out before `ended` resolves. */
  end(how: SessionEnd, message: string): Outcome {
    const outcome: Outcome = { event: how, code: "done", message, facts: { ends: true } }
    if (this.#over) return endingAlready
    this.#over = true
    this.#deadlines.stop()
    this.#listener?.stop()
    void this.#finish(how, outcome)
    return outcome
  }

  async #finish(how: SessionEnd, outcome: Outcome): Promise<void> {
    const { clock, work, emit } = this.#deps
    const tooLate = new Promise<never>((_, reject) =>
      clock.after(lastWorkMs, () => reject(new Error(`not done after ${lastWorkMs / 1000} s`))),
    )
    try {
      await Promise.race([this.#lastWork(how), tooLate])
    } catch (thrown) {
      const message = `what was under way or owed did not end well: ${reasonOf(thrown)}`
      emit({ event: "expiry-failed", code: "state-unknown", message })
    }
    work.close()
    emit(outcome)
    this.#resolveEnded(how)
  }

  /** What is under way is not cut off half-way, and what is owed is done. */
  async #lastWork(how: SessionEnd): Promise<void> {
    const { work, configuration } = this.#deps
    const owed = this.#deadlines.owed(how, configuration)
    await this.#deps.change?.close()
    if (owed === "reset") await work.open(false)
    if (owed === "rollback") await work.goBack("arming")
    await work.idle()
  }

  status(): SessionStatus {
    return statusOf({
      ...this.#deps,
      secondsLeft: this.#deadlines.secondsLeft,
      reception: this.#reception,
      rejected: this.#rejections.totals(this.#listener),
      listener: this.#listener,
    })
  }

  /** `fw-apply`: puts other rules in force. */
  async apply(order: ChangeOrder): Promise<Outcome> {
    const { change, configuration } = this.#deps
    if (this.#over || change === undefined) return endingAlready
    if (!configuration.dryRun) return await change.apply(order)
    const hint = "`fw-watchdog disarm` ends it"
    return { event: "dry-run", code: "refused", message: "the session here is a dry run", hint }
  }

  /** The change that waits, to be confirmed or taken back. */
  get change(): Pick<Change, "confirm" | "rollBack"> | undefined {
    return this.#deps.change
  }
}

const endingAlready: Outcome = {
  event: "ending",
  code: "refused",
  message: "the session is ending already",
  hint: "`fw-watchdog status` tells when it is over",
}
