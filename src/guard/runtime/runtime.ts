import type { Timer } from "../../clock.ts"
import { onTheWayBack } from "../../firewall/obstacles/obstacle.ts"
import type { Outcome } from "../../report/outcome.ts"
import { packageVersion } from "../../system/installed-files.ts"
import { type FreshKnock, type KnockMessage, type PlainMessage, Receiver } from "../knocks/receiver.ts"
import { ListenerLog } from "../listeners/log.ts"
import { RejectionCounts } from "../listeners/rejection-counts.ts"
import { ListenerSupervisor } from "../listeners/supervisor.ts"
import { roadOf } from "../machine/configuration.ts"
import type { Effect } from "../machine/effect.ts"
import type { CommandEvent, SessionEvent } from "../machine/event.ts"
import { type SessionEnd, type SessionRecord, secondsLeft, stillDropping } from "../machine/record.ts"
import { type SessionStatus, statusOf } from "../machine/status.ts"
import { nextMomentMs, step } from "../machine/step.ts"
import { isPast } from "../machine/transitions/knock.ts"
import { carryOut } from "./carry-out.ts"
import { listenerSetup } from "./listener-setup.ts"
import type { RuntimeParts } from "./parts.ts"

/** How often the time is looked at, in milliseconds: timers alone do not count suspend. */
const lookMs = 3000
/** The longest time that a timer takes, in milliseconds. */
const longestTimerMs = 2 ** 31 - 1

/** Read once: an upgrade may take the file away. */
const version = packageVersion()

/** A command as a control connection says it, before the runtime has numbered it. */
type Command = CommandEvent extends infer One
  ? One extends CommandEvent
    ? Omit<One, "type" | "ask">
    : never
  : never

/**
 * Carries out what the machine says, and tells it what came of it. Holds the one record of the session; decides nothing.
 */
export class Runtime {
  readonly #parts: RuntimeParts
  #record: SessionRecord
  /** Events that came while one was being followed. */
  readonly #events: SessionEvent[] = []
  #following = false
  readonly #receiver: Receiver
  readonly #rejections = new RejectionCounts()
  readonly #log: ListenerLog
  /** The processes that hear. */
  readonly listeners: ListenerSupervisor
  readonly #knocks = new Map<number, FreshKnock>()
  readonly #asks = new Map<number, (outcome: Outcome) => void>()
  #lastNumber = 0
  #proofs: Promise<void> = Promise.resolve()
  #waking: Timer | undefined
  #looking: Timer | undefined
  #resolveEnded: (how: SessionEnd) => void = () => {}
  /** Resolves when the session is over and its last effect is done. */
  readonly ended: Promise<SessionEnd>

  constructor(parts: RuntimeParts, record: SessionRecord) {
    this.#parts = parts
    this.#record = record
    this.#log = new ListenerLog(parts)
    const { configuration, bornWallMs, resumed } = record
    const { secrets, plain } = configuration
    const { nonceCapacity } = parts
    this.#receiver = new Receiver({
      clock: parts.clock,
      ...{ secrets, plain, bornWallMs, resumed },
      rejections: this.#rejections,
      ...(nonceCapacity === undefined ? {} : { nonceCapacity }),
    })
    this.listeners = new ListenerSupervisor({
      spawn: parts.spawnListener,
      clock: parts.clock,
      setup: listenerSetup(configuration, this.#receiver),
      ...(parts.startNews === undefined ? {} : { startNews: parts.startNews }),
      events: {
        onKnock: (message, reply) => this.knock(message, reply),
        onPlain: (message) => this.plain(message),
        onEnded: (why) => {
          if (this.#record.ending === undefined) this.#log.ended(why)
        },
        onReplaced: (why) => this.#log.replaced(why),
      },
    })
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve
    })
  }

  /** The session as it is now. */
  get record(): SessionRecord {
    return this.#record
  }

  /** The session is armed: its clock runs. */
  begin(): void {
    this.#looking = this.#parts.clock.every(lookMs, () => {
      this.feed({ type: "moment" })
      this.#log.rejected(this.#rejections, this.listeners)
    })
    this.feed({ type: "begin" })
  }

  /** Takes an event: what follows from it has begun when this returns, or begins when the present one has been followed. */
  feed(event: SessionEvent): void {
    this.#events.push(event)
    if (this.#following) return
    this.#following = true
    const { clock } = this.#parts
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        const { record, effects } = step(this.#record, next, clock.bootMs(), clock.wallMs())
        this.#record = record
        for (const effect of effects) this.#attempt(effect)
      }
    } finally {
      this.#following = false
    }
    this.#wakeInTime()
  }

  /** A command of the control socket; `reply` gets its one outcome. */
  command(command: Command, reply: (outcome: Outcome) => void): void {
    const ask = this.#number()
    this.#asks.set(ask, reply)
    this.feed({ type: "command", ask, ...command } as CommandEvent)
  }

  /** A request that a listener says it heard; `reply` sends 128 bytes back to where it came from. */
  knock(message: KnockMessage, reply: (data: Uint8Array) => void): void {
    const record = this.#record
    if (isPast(record, this.#parts.clock.bootMs())) return
    const fresh = this.#receiver.knock(message, reply, this.#answerState())
    if (fresh === undefined) return
    const knock = this.#number()
    this.#knocks.set(knock, fresh)
    const { request, key } = fresh.authentic
    this.feed({
      type: "knock",
      knock,
      verb: request.verb,
      hard: request.hard,
      source: message.source,
      device: message.device,
      road: roadOf(message.port),
      host: key.host,
      name: key.name,
      fromHere: fresh.fromHere,
      connections: request.verb === "confirm" ? this.#parts.connections() : [],
    })
  }

  /** The bare text of `--plain`, heard in an echo request. */
  plain({ source, device }: PlainMessage): void {
    if (this.#record.ending === undefined && this.#receiver.plain())
      this.feed({ type: "plain", source, device })
  }

  status(): SessionStatus {
    const { listeners } = this
    const { backends, standbys } = this.#parts.firewall.describe()
    const live = {
      devices: listeners.devices,
      deaf: listeners.deaf,
      version,
      guardPid: process.pid,
      listenerPid: listeners.pid ?? 0,
      listenerStarts: listeners.starts,
      ...{ backends, standbys },
      heard: listeners.counts.heard,
      missed: listeners.counts.missed,
      rejected: this.#rejections.totals(listeners),
    }
    return statusOf(this.#record, live, this.#parts.clock.bootMs())
  }

  /** One that throws, which none should, takes no other along. */
  #attempt(effect: Effect): void {
    try {
      this.#carryOut(effect)
    } catch (thrown) {
      queueMicrotask(() => {
        throw thrown
      })
    }
  }

  #carryOut(effect: Effect): void {
    const { snapshots, writer, emit } = this.#parts
    switch (effect.type) {
      case "mark":
        return writer.mark(effect.state)
      case "write":
        snapshots.spare(this.#record)
        return this.feed({ type: "written", ok: writer.write(this.#record) })
      case "remember":
        return snapshots.remember(effect.candidate)
      case "prove":
        // One at a time: each has a namespace of its own, and nobody waits for it.
        this.#proofs = this.#proofs
          .then(() => carryOut(effect, this.#parts, this.#record))
          .then((end) => this.feed(end))
        return
      case "answer":
        return this.#answer(effect)
      case "reply":
        this.#asks.get(effect.ask)?.(effect.outcome)
        this.#asks.delete(effect.ask)
        return
      case "emit":
        return emit(effect.outcome)
      case "use-secrets":
        return this.#useSecrets(effect.why)
      case "stop-listening":
        return this.listeners.stop()
      case "end":
        this.#waking?.cancel()
        this.#looking?.cancel()
        return this.#resolveEnded(effect.how)
      default:
        void carryOut(effect, this.#parts, this.#record).then((end) => this.feed(end))
    }
  }

  #useSecrets(why: string): void {
    const { configuration } = this.#record
    this.#receiver.useSecrets(configuration.secrets)
    this.listeners.replace(why, listenerSetup(configuration, this.#receiver))
  }

  /** A later answer takes the place of an earlier one for the knock's retransmissions. */
  #answer({ knock, verdict, verified, elsewhere }: Extract<Effect, { readonly type: "answer" }>): void {
    const fresh = this.#knocks.get(knock)
    if (fresh === undefined) return
    const found = fresh.authentic.request.verb === "reset" && verified ? this.#record.watch.survey : undefined
    const kinds = [...new Set(found?.found.map(({ kind }) => kind))]
    const obstacles = found && {
      seen: elsewhere ? kinds.filter((kind) => !onTheWayBack.includes(kind)) : kinds,
      complete: !elsewhere && found.notLooked.length === 0,
    }
    this.#receiver.answer(fresh, verdict, this.#answerState(), { verified, ...(obstacles && { obstacles }) })
    // The first answer to a reset says that it is committed; another one follows, when it was looked at.
    const another = (verdict === "opened" || verdict === "open-failed") && !verified
    if (!another) this.#knocks.delete(knock)
  }

  #answerState(): { stillDropping: number; reLocks: number; secondsLeft: number } {
    const record = this.#record
    return {
      stillDropping: stillDropping(record).length,
      reLocks: record.watch.reLocks,
      secondsLeft: secondsLeft(record, this.#parts.clock.bootMs()),
    }
  }

  /** The regular look finds what is due too; this one finds it on time. */
  #wakeInTime(): void {
    this.#waking?.cancel()
    const delayMs = nextMomentMs(this.#record) - this.#parts.clock.bootMs()
    if (this.#looking === undefined || delayMs > longestTimerMs) return
    this.#waking = this.#parts.clock.after(Math.max(0, delayMs), () => this.feed({ type: "moment" }))
  }

  #number(): number {
    this.#lastNumber += 1
    return this.#lastNumber
  }
}
