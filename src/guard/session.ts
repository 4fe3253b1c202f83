import { randomBytes } from "node:crypto"
import type { Clock, Timer } from "../clock.ts"
import { reasonOf } from "../errors.ts"
import type { ArmedFirewall, OpenReport } from "../firewall/open.ts"
import { type Answer, encodeAnswer } from "../knock/answer.ts"
import { Knocks, type KnownSecret } from "../knock/decide.ts"
import { deriveKeys } from "../knock/keys.ts"
import { type Authentic, createVerifier, type Verify } from "../knock/verify.ts"
import type { FromListener, ToListener } from "../listener/messages.ts"
import type { Outcome } from "../report/outcome.ts"
import type { SessionConfiguration } from "./configuration.ts"
import type { ListenerProcess } from "./listener-process.ts"
import type { SessionStatus } from "./session-status.ts"

/** Why a session ended. */
export type SessionEnd = "expired" | "disarmed" | "terminated"

/** One secret as the session uses it. */
export interface GuardSecret extends KnownSecret {
  readonly host: string
  readonly name: string
}

export interface SessionDeps {
  readonly clock: Clock
  readonly configuration: SessionConfiguration
  readonly firewall: ArmedFirewall
  /** Takes every event once; must not block. */
  readonly emit: (outcome: Outcome) => void
}

/** How often the deadline is looked at, in milliseconds: timers alone do not count suspend. */
const lookMs = 1000
/** Unauthenticated texts reset at most once in this time, in milliseconds. */
const plainPauseMs = 1000
/** How often rejections may be reported to the log, in milliseconds. */
const rejectionsMs = 1000

type KnockMessage = Extract<FromListener, { type: "knock" }>
type PlainMessage = Extract<FromListener, { type: "plain" }>
type Reply = (data: Uint8Array) => void

interface FreshKnock {
  readonly authentic: Authentic<GuardSecret>
  readonly pinned: boolean
  readonly reply: Reply
}

/**
 * One arming, from start to expiry: decides every knock, opens the firewall, answers, and ends when it promised to.
 * Lives in the guard; the listener's words are verified again here.
 */
export class Session {
  readonly #clock: Clock
  readonly #configuration: SessionConfiguration
  readonly #firewall: ArmedFirewall
  readonly #emit: (outcome: Outcome) => void
  readonly #secrets: readonly GuardSecret[]
  readonly #verify: Verify<GuardSecret>
  readonly #knocks: Knocks
  readonly #deadlineMs: number
  readonly #timers: Timer[] = []
  readonly #rejected = new Map<string, number>()
  #listener: ListenerProcess | undefined
  #lastPlainMs = Number.NEGATIVE_INFINITY
  #accepted = 0
  #opens = 0
  #provenFromOutside = false
  #stillDropping: readonly string[] = []
  #over = false
  #resolveEnded: () => void = () => {}
  /** Resolves when the session is over and its last action is done. */
  readonly ended: Promise<void>

  constructor(deps: SessionDeps) {
    this.#clock = deps.clock
    this.#configuration = deps.configuration
    this.#firewall = deps.firewall
    this.#emit = deps.emit
    this.#secrets = deps.configuration.secrets.map((secret) => ({
      keys: deriveKeys(new Uint8Array(Buffer.from(secret.secret, "hex"))),
      kind: secret.kind,
      host: secret.host,
      name: secret.name,
    }))
    this.#verify = createVerifier(this.#secrets)
    this.#knocks = new Knocks({
      challengeKey: new Uint8Array(randomBytes(32)),
      bornWallMs: deps.clock.wallMs(),
      resumed: false,
    })
    this.#deadlineMs = deps.clock.bootMs() + deps.configuration.timeoutMs
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve
    })
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

  watchListener(listener: ListenerProcess): void {
    this.#listener = listener
  }

  /** Starts the clock's work; the session is armed. */
  begin(): void {
    const { timeoutMs, onExpiry, dryRun, armedBy } = this.#configuration
    this.#say("armed", "armed", { timeoutSeconds: timeoutMs / 1000, onExpiry, dryRun, ...armedBy })
    this.#timers.push(
      this.#clock.every(lookMs, () => this.#look()),
      this.#clock.after(timeoutMs, () => this.#look()),
      this.#clock.every(rejectionsMs, () => this.#reportRejections()),
    )
  }

  #look(): void {
    if (this.#clock.bootMs() >= this.#deadlineMs) this.end("expired", "the session expired")
  }

  get #secondsLeft(): number {
    return Math.max(0, Math.ceil((this.#deadlineMs - this.#clock.bootMs()) / 1000))
  }

  /** A request that a listener says it heard. */
  knock(message: KnockMessage, reply: Reply): void {
    if (this.#over || this.#clock.bootMs() >= this.#deadlineMs) return
    const verified = this.#verify(new Uint8Array(Buffer.from(message.data, "hex")))
    if (!verified.ok) return this.#reject(verified.rejection.stage, verified.rejection.reason)
    const authentic = verified.value
    const decision = this.#knocks.decide(authentic, this.#now())
    switch (decision.action) {
      case "ignore":
        return this.#reject(decision.rejection.stage, decision.rejection.reason)
      case "repeat":
        return reply(decision.answer)
      case "challenge":
        return this.#answer(authentic, { verdict: "challenge", ...decision }, reply)
      case "act":
        return this.#act({ authentic, pinned: decision.pinned, reply }, message)
    }
  }

  #now(): { bootMs: number; wallMs: number } {
    return { bootMs: this.#clock.bootMs(), wallMs: this.#clock.wallMs() }
  }

  #act({ authentic, pinned, reply }: FreshKnock, message: KnockMessage): void {
    const { request, key } = authentic
    this.#accepted += 1
    const facts = {
      verb: request.verb,
      source: message.source,
      device: message.device,
      host: key.host,
      name: key.name,
    }
    switch (request.verb) {
      case "probe":
        this.#provenFromOutside ||= !isLoopback(message.source)
        this.#answer(authentic, { verdict: "alive", pinned }, reply)
        return this.#say("probed", `an authentic probe from ${message.source} was answered`, facts)
      case "reset":
        this.#provenFromOutside ||= !isLoopback(message.source)
        this.#say("knock", `an authentic reset knock came from ${message.source}`, facts)
        if (this.#configuration.dryRun) {
          this.#answer(authentic, { verdict: "dry-run", pinned }, reply)
          return this.#say("dry-run", "would have opened the firewall (dry run)", facts)
        }
        void this.#open(request.hard, (verdict, verified) =>
          this.#answer(authentic, { verdict, verified, pinned }, reply),
        )
        return
      case "rollback":
      case "confirm":
        return this.#answer(authentic, { verdict: "refused", pinned }, reply)
    }
  }

  /** Opens; `tell` is called at the commit and again when the listing after it is in. */
  async #open(
    hard: boolean,
    tell: (verdict: "opened" | "open-failed", verified: boolean) => void,
  ): Promise<OpenReport> {
    const startedMs = performance.now()
    const opening = this.#firewall.open({ scope: "all", hard })
    const commit = await opening.committed
    this.#stillDropping = []
    tell(commit.ok ? "opened" : "open-failed", false)
    const committedMs = Math.round((performance.now() - startedMs) * 10) / 10
    const report = await opening.settled
    this.#opens += 1
    this.#stillDropping = report.stillDropping.map(({ backend, where }) => `${backend}: ${where}`)
    tell(report.ok ? "opened" : "open-failed", true)
    const facts = {
      committedMs,
      changed: report.changed,
      failures: report.failures,
      stillDropping: this.#stillDropping,
    }
    if (!report.ok)
      this.#fail("open-failed", `the open did not work completely: ${report.failures.join("; ")}`, facts)
    else if (this.#stillDropping.length > 0)
      this.#fail(
        "opened",
        `opened, but ${this.#stillDropping.length} can still drop: ${this.#stillDropping.join("; ")}`,
        facts,
      )
    else this.#say("opened", report.changed ? "the firewall is open" : "the firewall was open already", facts)
    return report
  }

  /** The bare text of `--plain`, heard in an echo request. */
  plain(message: PlainMessage): void {
    const now = this.#clock.bootMs()
    if (this.#over || now >= this.#deadlineMs) return
    if (now - this.#lastPlainMs < plainPauseMs) return this.#reject("plain", "too-soon")
    this.#lastPlainMs = now
    this.#accepted += 1
    const facts = { source: message.source, device: message.device }
    this.#say("plain", `the plain text came from ${message.source}`, facts)
    if (this.#configuration.dryRun) this.#say("dry-run", "would have opened the firewall (dry run)", facts)
    else void this.#open(false, () => {})
  }

  listenerEnded(why: string): void {
    if (!this.#over)
      this.#fail("listener-restarted", `the listener ended and another is being started: ${why}`)
  }

  /** Ends the session once; a reset owed at expiry is carried out before `ended` resolves. */
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
    const owed = how === "expired" && this.#configuration.onExpiry === "reset" && !this.#configuration.dryRun
    try {
      if (owed) await this.#open(false, () => {})
    } catch (thrown) {
      this.#fail("open-failed", `the reset at expiry failed: ${reasonOf(thrown)}`)
    }
    this.#emit(outcome)
    this.#resolveEnded()
  }

  #answer(
    authentic: Authentic<GuardSecret>,
    what: Pick<Answer, "verdict" | "pinned"> & Partial<Pick<Answer, "verified" | "challenge">>,
    reply: Reply,
  ): void {
    const { key, request, requestMac } = authentic
    const now = this.#now()
    const answer = encodeAnswer(key.keys, {
      verb: request.verb,
      verdict: what.verdict,
      verified: what.verified ?? false,
      pinned: what.pinned,
      stillDropping: this.#stillDropping.length,
      reLocks: 0,
      secondsLeft: this.#secondsLeft,
      serverTimeMs: now.wallMs,
      challenge: what.challenge,
      requestMac,
    })
    this.#knocks.answered(authentic, answer, now)
    reply(answer)
  }

  #reject(stage: string, reason: string): void {
    const key = `${stage}/${reason}`
    this.#rejected.set(key, (this.#rejected.get(key) ?? 0) + 1)
  }

  #reportedRejections = ""

  /** At most one line a second, with totals by reason, and none while nothing new was rejected. */
  #reportRejections(): void {
    const rejected = this.#allRejections()
    const text = Object.entries(rejected)
      .filter(([reason]) => !reason.endsWith("/copy"))
      .map(([reason, count]) => `${reason} ${count}`)
      .join(", ")
    if (text === this.#reportedRejections) return
    this.#reportedRejections = text
    this.#say("rejected", `rejected so far: ${text}`, { rejected })
  }

  #allRejections(): Record<string, number> {
    const all = { ...this.#listener?.counts.rejected }
    for (const [reason, count] of this.#rejected) all[reason] = (all[reason] ?? 0) + count
    if (this.#listener !== undefined && this.#listener.unparsed > 0)
      all["pipe/unparsed"] = this.#listener.unparsed
    return all
  }

  status(): SessionStatus {
    return {
      event: "status",
      armedBy: this.#configuration.armedBy,
      secondsLeft: this.#secondsLeft,
      onExpiry: this.#configuration.onExpiry,
      dryRun: this.#configuration.dryRun,
      provenFromOutside: this.#provenFromOutside,
      secrets: this.#secrets.map(({ kind, host, name }) => ({ kind, host, name })),
      plain: this.#configuration.plain !== "",
      devices: this.#listener?.devices ?? [],
      guardPid: process.pid,
      listenerPid: this.#listener?.pid ?? 0,
      listenerStarts: this.#listener?.starts ?? 0,
      backends: this.#firewall.describe().backends,
      accepted: this.#accepted,
      opens: this.#opens,
      stillDropping: this.#stillDropping,
      heard: this.#listener?.counts.heard ?? 0,
      missed: this.#listener?.counts.missed ?? 0,
      rejected: this.#allRejections(),
    }
  }

  #say(event: string, message: string, facts: NonNullable<Outcome["facts"]> = {}): void {
    this.#emit({ event, code: "done", message, facts })
  }

  #fail(event: string, message: string, facts: NonNullable<Outcome["facts"]> = {}): void {
    this.#emit({
      event,
      code: "state-unknown",
      message,
      hint: "`fw-watchdog status` shows the session",
      facts,
    })
  }
}

const isLoopback = (address: string): boolean => address.startsWith("127.") || address === "::1"
