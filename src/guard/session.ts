import { randomBytes } from "node:crypto"
import type { Clock, Timer } from "../clock.ts"
import { reasonOf } from "../errors.ts"
import { type Answer, encodeAnswer } from "../knock/answer.ts"
import { Knocks, type KnownSecret } from "../knock/decide.ts"
import { deriveKeys } from "../knock/keys.ts"
import { type Authentic, createVerifier, type Verify } from "../knock/verify.ts"
import type { FromListener, ToListener } from "../listener/messages.ts"
import type { Outcome } from "../report/outcome.ts"
import type { ArmedSecret, SessionConfiguration } from "./configuration.ts"
import { type FirewallWork, rollbackVerdict } from "./firewall-work.ts"
import type { Journal } from "./journal.ts"
import type { Listeners } from "./listeners.ts"
import { Rejections } from "./rejections.ts"
import type { SessionStatus } from "./session-status.ts"

/** Why a session ended. */
export type SessionEnd = "expired" | "disarmed" | "terminated"

/** One secret as the session uses it. */
interface GuardSecret extends KnownSecret {
  readonly host: string
  readonly name: string
}

export interface SessionDeps {
  readonly clock: Clock
  readonly configuration: SessionConfiguration
  readonly work: FirewallWork
  /** The backends of this machine, for `status`. */
  readonly backends: readonly string[]
  /** Takes every event once; must not block. */
  readonly emit: (outcome: Outcome) => void
  /** Set when this goes on with the session of a guard that was killed. */
  readonly resumed?: Pick<Journal, "deadlineMs" | "closeAgainMs" | "bornWallMs">
  /** Called whenever what the journal holds has changed. */
  readonly changed: (
    state: Pick<Journal, "configuration" | "deadlineMs" | "closeAgainMs" | "bornWallMs">,
  ) => void
}

/** How often the deadlines are looked at, in milliseconds: timers alone do not count suspend. */
const lookMs = 1000
/** The longest session, in milliseconds: 7 d, which a timer still takes (2^31 ms are 24 d). */
const longestSessionMs = 7 * 86_400_000
const longestTimerMs = 2 ** 31
/** Unauthenticated texts reset at most once in this time, in milliseconds. */
const plainPauseMs = 1000

type KnockMessage = Extract<FromListener, { type: "knock" }>
type PlainMessage = Extract<FromListener, { type: "plain" }>
type Facts = NonNullable<Outcome["facts"]>

/** A knock that may act, and the way back for its answer. */
interface FreshKnock {
  readonly authentic: Authentic<GuardSecret>
  readonly pinned: boolean
  readonly reply: (data: Uint8Array) => void
}

/**
 * One arming, from start to expiry: decides every knock, has the firewall opened, answers, and ends when it promised
 * to. Lives in the guard; the listener's words are verified again here.
 */
export class Session {
  readonly #deps: SessionDeps
  #armedSecrets: readonly ArmedSecret[]
  #secrets: readonly GuardSecret[]
  #verify: Verify<GuardSecret>
  readonly #knocks: Knocks
  readonly #bornWallMs: number
  #deadlineMs: number
  readonly #timers: Timer[] = []
  readonly #rejections = new Rejections()
  #listener: Listeners | undefined
  #lastPlainMs = Number.NEGATIVE_INFINITY
  #accepted = 0
  #provenFromOutside = false
  /** When `--open-for` goes back, on the boot clock. */
  #closeAgainMs: number | undefined
  #over = false
  #resolveEnded: () => void = () => {}
  /** Resolves when the session is over and its last action is done. */
  readonly ended: Promise<void>

  constructor(deps: SessionDeps) {
    this.#deps = deps
    this.#armedSecrets = deps.configuration.secrets
    this.#secrets = this.#armedSecrets.map(guardSecret)
    this.#verify = createVerifier(this.#secrets)
    this.#bornWallMs = deps.resumed?.bornWallMs ?? deps.clock.wallMs()
    this.#knocks = new Knocks({
      challengeKey: new Uint8Array(randomBytes(32)),
      bornWallMs: this.#bornWallMs,
      resumed: deps.resumed !== undefined,
    })
    this.#deadlineMs = deps.resumed?.deadlineMs ?? deps.clock.bootMs() + deps.configuration.timeoutMs
    this.#closeAgainMs = deps.resumed?.closeAgainMs || undefined
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve
    })
  }

  /** Accepts knocks under these secrets from now on, and under no others; what is known of old knocks is kept. */
  useSecrets(secrets: readonly ArmedSecret[]): void {
    this.#armedSecrets = secrets
    this.#secrets = secrets.map(guardSecret)
    this.#verify = createVerifier(this.#secrets)
    this.#changed()
  }

  /** What the listener gets of each secret: its tag and the key of its screen. */
  screenKeys(): ToListener[] {
    return this.#secrets.map(({ keys }) => ({
      type: "key",
      id: keys.id,
      tag: Buffer.from(keys.requestTag).toString("hex"),
      screenKey: Buffer.from(keys.screenKey).toString("hex"),
    }))
  }

  watchListener(listener: Listeners): void {
    this.#listener = listener
  }

  /** Starts the clock's work; the session is armed. */
  begin(): void {
    const { clock, configuration } = this.#deps
    const { timeoutMs, onExpiry, dryRun, armedBy } = configuration
    const how = this.#deps.resumed === undefined ? "armed" : "resumed"
    this.#say(how, how, { timeoutSeconds: timeoutMs / 1000, onExpiry, dryRun, ...armedBy })
    this.#timers.push(clock.every(lookMs, () => this.#look()))
    this.#wakeAtDeadline()
    this.#changed()
  }

  /** The second's look finds the deadline too; this one finds it on time. */
  #wakeAtDeadline(): void {
    const { clock } = this.#deps
    const leftMs = Math.max(0, this.#deadlineMs - clock.bootMs())
    if (leftMs < longestTimerMs) this.#timers.push(clock.after(leftMs, () => this.#look()))
  }

  #changed(): void {
    this.#deps.changed({
      configuration: { ...this.#deps.configuration, secrets: this.#armedSecrets },
      deadlineMs: this.#deadlineMs,
      closeAgainMs: this.#closeAgainMs ?? 0,
      bornWallMs: this.#bornWallMs,
    })
  }

  /** `fw-watchdog extend`: the session lasts so much longer, and never longer than the longest session from now. */
  extend(byMs: number): Outcome {
    const latestMs = this.#deps.clock.bootMs() + longestSessionMs
    this.#deadlineMs = Math.min(this.#deadlineMs + byMs, latestMs)
    this.#wakeAtDeadline()
    this.#changed()
    const secondsLeft = this.#secondsLeft
    const outcome: Outcome = {
      event: "extended",
      code: "done",
      message: `extended, ${secondsLeft} s left`,
      facts: { secondsLeft },
    }
    this.#deps.emit(outcome)
    return outcome
  }

  #look(): void {
    const now = this.#deps.clock.bootMs()
    if (now >= this.#deadlineMs) {
      this.end("expired", "the session expired")
      return
    }
    if (this.#closeAgainMs !== undefined && now >= this.#closeAgainMs) {
      this.#closeAgainMs = undefined
      void this.#deps.work.goBack("arming").then(() => this.#changed())
    }
    const news = this.#rejections.news(this.#listener)
    if (news !== undefined)
      this.#say("rejected", `rejected so far: ${news}`, { rejected: this.#rejections.totals(this.#listener) })
  }

  get #secondsLeft(): number {
    return Math.max(0, Math.ceil((this.#deadlineMs - this.#deps.clock.bootMs()) / 1000))
  }

  get #expired(): boolean {
    return this.#over || this.#deps.clock.bootMs() >= this.#deadlineMs
  }

  #now(): { bootMs: number; wallMs: number } {
    return { bootMs: this.#deps.clock.bootMs(), wallMs: this.#deps.clock.wallMs() }
  }

  /** A request that a listener says it heard; `reply` sends 128 bytes back the way it came. */
  knock(message: KnockMessage, reply: (data: Uint8Array) => void): void {
    if (this.#expired) return
    const verified = this.#verify(new Uint8Array(Buffer.from(message.data, "hex")))
    if (!verified.ok) return this.#rejections.add(verified.rejection)
    const authentic = verified.value
    const decision = this.#knocks.decide(authentic, this.#now(), message.way)
    switch (decision.action) {
      case "ignore":
        return this.#rejections.add(decision.rejection)
      case "repeat":
        return reply(decision.answer)
      case "challenge": {
        const knock = { authentic, pinned: decision.pinned, reply }
        return this.#answer(knock, "challenge", { challenge: decision.challenge })
      }
      case "act":
        return this.#act({ authentic, pinned: decision.pinned, reply }, message)
    }
  }

  #act(knock: FreshKnock, message: KnockMessage): void {
    const { request, key } = knock.authentic
    this.#accepted += 1
    this.#provenFromOutside ||= !isLoopback(message.source)
    const { source, device } = message
    const facts = { verb: request.verb, source, device, host: key.host, name: key.name }
    const { dryRun } = this.#deps.configuration
    // The open is on its way before its knock is written down, which takes longer than all that was checked.
    if (request.verb === "reset" && !dryRun)
      void this.#open(request.hard, (verdict, verified) => this.#answer(knock, verdict, { verified }))
    this.#say("knock", `an authentic ${request.verb} came from ${source}`, facts)
    if (request.verb === "probe") return this.#answer(knock, "alive")
    if (request.verb === "confirm") return this.#answer(knock, "refused")
    if (dryRun) {
      this.#answer(knock, "dry-run")
      return this.#say("dry-run", `would have carried out the ${request.verb} (dry run)`, facts)
    }
    if (request.verb === "rollback") void this.#rollBack(knock)
  }

  async #open(hard: boolean, tell?: Parameters<FirewallWork["open"]>[1]): Promise<void> {
    const { openForMs } = this.#deps.configuration
    if (openForMs > 0) this.#closeAgainMs = this.#deps.clock.bootMs() + openForMs
    const opening = this.#deps.work.open(hard, tell)
    if (openForMs > 0) this.#changed() // owed from now on, also if this guard is killed meanwhile
    await opening
    this.#changed()
  }

  async #rollBack(knock: FreshKnock): Promise<void> {
    this.#closeAgainMs = undefined
    this.#answer(knock, rollbackVerdict(await this.#deps.work.goBack("arming")), { verified: true })
    this.#changed()
  }

  /** The bare text of `--plain`, heard in an echo request. */
  plain(message: PlainMessage): void {
    const now = this.#deps.clock.bootMs()
    if (this.#expired) return
    // Whoever took the listener over can say that he heard it.
    if (this.#deps.configuration.plain === "")
      return this.#rejections.add({ stage: "plain", reason: "not-asked-for" })
    if (now - this.#lastPlainMs < plainPauseMs)
      return this.#rejections.add({ stage: "plain", reason: "too-soon" })
    this.#lastPlainMs = now
    this.#accepted += 1
    const facts = { source: message.source, device: message.device }
    const { dryRun } = this.#deps.configuration
    if (!dryRun) void this.#open(false)
    this.#say("plain", `the plain text came from ${message.source}`, facts)
    if (dryRun) this.#say("dry-run", "would have opened the firewall (dry run)", facts)
  }

  /** `fw-watchdog undo`: puts back what the last open changed. */
  async undo(): Promise<Outcome> {
    this.#closeAgainMs = undefined
    const outcome = await this.#deps.work.goBack("last-open")
    this.#changed()
    return outcome
  }

  listenerEnded(why: string): void {
    if (this.#over) return
    const message = `the listener ended and another is being started: ${why}`
    this.#deps.emit({ event: "listener-restarted", code: "state-unknown", message })
  }

  listenerReplaced(why: string): void {
    this.#say("listener-replaced", `a new listener took over: ${why}`)
  }

  /** Ends the session once; what is owed at expiry is carried out before `ended` resolves. */
  end(how: SessionEnd, message: string): Outcome {
    const outcome: Outcome = { event: how, code: "done", message, facts: { ends: true } }
    if (this.#over) return outcome
    this.#over = true
    for (const timer of this.#timers) timer.cancel()
    this.#listener?.stop()
    void this.#finish(how, outcome)
    return outcome
  }

  async #finish(how: SessionEnd, outcome: Outcome): Promise<void> {
    const { work, emit } = this.#deps
    try {
      const owed = this.#owed(how)
      if (owed === "reset") await work.open(false)
      if (owed === "rollback") await work.goBack("arming")
    } catch (thrown) {
      emit({
        event: "expiry-failed",
        code: "state-unknown",
        message: `what was owed failed: ${reasonOf(thrown)}`,
      })
    }
    work.close()
    emit(outcome)
    this.#resolveEnded()
  }

  /** A disarm owes nothing; a guard that is told to go, or whose time is up, keeps its promises. */
  #owed(how: SessionEnd): "reset" | "rollback" | undefined {
    const { dryRun, onExpiry } = this.#deps.configuration
    if (dryRun || how === "disarmed") return undefined
    if (how === "expired" && onExpiry !== "disarm") return onExpiry
    return this.#closeAgainMs === undefined && onExpiry !== "rollback" ? undefined : "rollback"
  }

  #answer(
    { authentic, pinned, reply }: FreshKnock,
    verdict: Answer["verdict"],
    more: { readonly verified?: boolean; readonly challenge?: Uint8Array } = {},
  ): void {
    const { key, request, requestMac } = authentic
    const now = this.#now()
    const answer = encodeAnswer(key.keys, {
      verb: request.verb,
      verdict,
      verified: more.verified ?? false,
      pinned,
      stillDropping: this.#deps.work.stillDropping.length,
      reLocks: this.#deps.work.reLocks,
      secondsLeft: this.#secondsLeft,
      serverTimeMs: now.wallMs,
      challenge: more.challenge,
      requestMac,
    })
    this.#knocks.answered(authentic, answer, now)
    reply(answer)
  }

  status(): SessionStatus {
    const { configuration, backends, work } = this.#deps
    const listener = this.#listener
    return {
      event: "status",
      armedBy: configuration.armedBy,
      secondsLeft: this.#secondsLeft,
      onExpiry: configuration.onExpiry,
      dryRun: configuration.dryRun,
      provenFromOutside: this.#provenFromOutside,
      secrets: this.#secrets.map(({ kind, host, name }) => ({ kind, host, name })),
      plain: configuration.plain !== "",
      devices: listener?.devices ?? [],
      deaf: listener?.deaf ?? false,
      guardPid: process.pid,
      listenerPid: listener?.pid ?? 0,
      listenerStarts: listener?.starts ?? 0,
      backends,
      accepted: this.#accepted,
      opens: work.opens,
      stillDropping: work.stillDropping,
      reLocks: work.reLocks,
      heard: listener?.counts.heard ?? 0,
      missed: listener?.counts.missed ?? 0,
      rejected: this.#rejections.totals(listener),
    }
  }

  #say(event: string, message: string, facts: Facts = {}): void {
    this.#deps.emit({ event, code: "done", message, facts })
  }
}

function guardSecret({ secret, kind, host, name }: ArmedSecret): GuardSecret {
  return { keys: deriveKeys(new Uint8Array(Buffer.from(secret, "hex"))), kind, host, name }
}

const isLoopback = (address: string): boolean => address.startsWith("127.") || address === "::1"
