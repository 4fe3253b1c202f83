import type { Clock, Timer } from "../../clock.ts"
import type { Fault } from "../../errors.ts"
import type { FromListener, ToListener } from "../../pipe/messages.ts"
import { formatDuration } from "../../report/duration.ts"
import { linkChanges, NetlinkMonitor } from "../../system/network/netlink-monitor.ts"
import type { StartLoader } from "../../system/process/standby-process.ts"

export type { SpawnListener } from "./listener-process.ts"

import { type ListenerCounts, ListenerProcess, type SpawnListener } from "./listener-process.ts"

type Ready = Extract<FromListener, { readonly type: "ready" }>

/** The events of the listeners that the guard wants to know of. */
export interface ListenerEvents {
  /** `answer` sends 128 bytes back the way the knock came, through the process that heard it. */
  onKnock(knock: Extract<FromListener, { type: "knock" }>, answer: (data: Uint8Array) => void): void
  onPlain(plain: Extract<FromListener, { type: "plain" }>): void
  /** A listener ended although nobody asked it to; another one is being started. */
  onEnded(why: string): void
  /** A new listener has taken over without a gap. */
  onReplaced(why: string): void
}

/** Pause before the next start, by how many starts in a row ended before `steadyMs`; milliseconds. */
const pauses = [0, 0, 100, 300, 1000]
const steadyMs = 2000
/**
 * How often listeners are looked at, and look around themselves, in milliseconds: while the kernel tells when interfaces or
 * addresses change, and while it does not. The deadlines are looked at in the same wake-ups.
 */
const lookMs = 3000
const lookOutMs = 2000
/** One that has not answered, or is outdated, is looked at again after so long, in milliseconds. */
const lookAgainMs = 1000
/** A listener that has not answered so many pings, one at each look, is as good as dead. */
const hungPings = 2
/** How long one may take to begin, in milliseconds: opening captures on 64 interfaces takes seconds on a busy machine. */
const startingMs = 20_000
/** One that does not hear more of its own canaries, one every second ping, is deaf. */
const deafCanaries = 2
/** Pause after a replacement for deafness, in milliseconds. */
const deafAgainMs = 15_000
/** Pause after a replacement that could not begin, and between two while `any` hears everything meanwhile; milliseconds. */
const replaceAgainMs = 2000
/** How long an ending guard waits for its listeners, in milliseconds. */
const farewellMs = 500

/**
 * Keeps one listener alive: starts it, watches that it answers and hears, and when it ends, hangs, goes deaf or no longer
 * fits this host, starts the next: where the old one still hears, before the old one goes.
 */
export class ListenerSupervisor {
  readonly #spawn: SpawnListener
  readonly #clock: Clock
  readonly #events: ListenerEvents
  readonly #startNews: StartLoader | undefined
  #setup: readonly ToListener[]
  /** All that have not ended, those that were let go included. */
  readonly #living = new Set<ListenerProcess>()
  #present: ListenerProcess | undefined
  #next: ListenerProcess | undefined
  #stopped = false
  #quickEnds = 0
  #news: NetlinkMonitor | undefined
  #again: Timer | undefined
  #replaceAfterMs = 0
  /** Why the next one was started, and why one was that could not begin; the same again has to wait. */
  #replacing = ""
  #failed = ""
  #earlier: ListenerCounts = { heard: 0, missed: 0, rejected: {} }
  #earlierUnparsed = 0
  /** Starts since arming. */
  starts = 0

  /** @param setup `configure`, the keys, and `start`, sent to every listener in this order. */
  constructor(deps: {
    readonly spawn: SpawnListener
    readonly clock: Clock
    readonly setup: readonly ToListener[]
    readonly events: ListenerEvents
    /** Starts what hears the kernel tell of interfaces and addresses. */
    readonly startNews?: StartLoader
  }) {
    this.#spawn = deps.spawn
    this.#clock = deps.clock
    this.#setup = deps.setup
    this.#events = deps.events
    this.#startNews = deps.startNews
  }

  /**
   * Starts the first listener and waits until it is ready.
   * @param patient one that cannot begin is started again, as later ones are, and this waits no longer
   * @returns what it has said of itself; undefined where it could not begin
   * @throws Fault with the listener's own code and words when it cannot begin; never when patient
   */
  async start(patient = false): Promise<Ready | undefined> {
    this.#news = new NetlinkMonitor(linkChanges, {
      start: this.#startNews,
      clock: this.#clock,
      log: () => {},
      restMs: lookMs,
      oftenMs: lookOutMs,
      onTime: () => this.#look(),
      onChange: () => {
        for (const child of this.#living) child.nudge()
      },
    })
    return await new Promise((resolve, reject) => {
      this.#present = this.#launch(resolve, (fault) => {
        if (!patient) return reject(fault)
        this.#restart(fault.message)
        resolve(undefined)
      })
    })
  }

  /** Lets the listeners go. */
  stop(): void {
    this.#stopped = true
    this.#news?.close()
    this.#again?.cancel()
    for (const child of this.#living) child.letGo()
  }

  /** Lets them go, and waits a moment for it: none outlives its guard. */
  async close(): Promise<void> {
    this.stop()
    const living = [...this.#living]
    const moment = new Promise<void>((resolve) => this.#clock.after(farewellMs, resolve))
    await Promise.race([Promise.all(living.map(({ gone }) => gone)), moment])
    for (const child of this.#living) child.kill()
  }

  /**
   * Starts another listener, and lets the present one go when the new one is ready: nothing goes unheard in between.
   * @param setup what the new one is told; the same as before unless given
   */
  replace(why: string, setup: readonly ToListener[] = this.#setup): void {
    this.#setup = setup
    if (this.#stopped || this.#present === undefined) return
    this.#replacing = why
    this.#next?.letGo()
    const next = this.#launch(() => {
      if (this.#next !== next) return
      const old = this.#present
      this.#remember(old)
      this.#present = next
      this.#next = undefined
      old?.letGo()
      this.#events.onReplaced(why)
    })
    this.#next = next
  }

  /** The process id of the present listener. */
  get pid(): number | undefined {
    return this.#present?.pid
  }

  /** The devices that are heard now; empty while there is no listener. */
  get devices(): readonly string[] {
    return this.#present?.devices ?? []
  }

  /** Sums over all listeners since arming. */
  get counts(): ListenerCounts {
    return this.#present === undefined ? this.#earlier : addCounts(this.#earlier, this.#present.counts)
  }

  /** Lines that were no message, or too long. */
  get unparsed(): number {
    return this.#earlierUnparsed + (this.#present?.unparsed ?? 0)
  }

  /** True when the present listener has not heard its own canaries for too long. */
  get deaf(): boolean {
    return (this.#present?.unheardCanaries ?? 0) > deafCanaries
  }

  #lookAgain(): void {
    if (this.#stopped) return
    this.#again ??= this.#clock.after(lookAgainMs, () => {
      this.#again = undefined
      this.#look()
    })
  }

  #look(): void {
    // The end of a hung one starts the next.
    for (const child of [this.#present, this.#next]) {
      if (child === undefined) continue
      const hung = this.#whyHung(child)
      if (hung !== undefined) child.kill(hung)
      else child.ping()
      if (child.ready && child.unanswered > 1) this.#lookAgain()
    }
    if (this.deaf && this.#mayReplace()) {
      this.#replaceAfterMs = this.#clock.bootMs() + deafAgainMs
      this.replace("it did not hear its own canary any more")
    }
  }

  /** Counted in pings and not in time: after a suspend, or a stall of the guard's own, nothing is wrong with it. */
  #whyHung({ ready, unanswered, startedMs }: ListenerProcess): string | undefined {
    if (ready) return unanswered >= hungPings ? "did not answer any more" : undefined
    const late = this.#clock.bootMs() - startedMs > startingMs
    return late ? `had not begun after ${formatDuration(startingMs)}` : undefined
  }

  #mayReplace(): boolean {
    return this.#next === undefined && this.#clock.bootMs() >= this.#replaceAfterMs
  }

  #replaceOutdated(why: string): void {
    const news = this.#failed !== "" && why !== this.#failed && this.#next === undefined
    if (!news && !this.#mayReplace()) return // it will say so again
    this.#failed = ""
    if (this.devices.includes("any")) this.#replaceAfterMs = this.#clock.bootMs() + replaceAgainMs
    this.replace(why)
  }

  /** @param onFailed takes the fault when this one ends before it was ready, instead of another start */
  #launch(onReady: (ready: Ready) => void = () => {}, onFailed?: (fault: Fault) => void): ListenerProcess {
    this.starts += 1
    const child: ListenerProcess = new ListenerProcess(this.#spawn, this.#clock, this.#setup, {
      onReady,
      onKnock: (knock) => this.#events.onKnock(knock, (data) => child.answer(knock.ref, data)),
      onPlain: (plain) => this.#events.onPlain(plain),
      onOutdated: (why) => {
        if (child !== this.#present) return
        this.#replaceOutdated(why)
        this.#lookAgain() // it will say so again, if it is still there
      },
      onEnd: ({ fault, wasReady }) => {
        this.#living.delete(child)
        if (this.#stopped) return
        if (child === this.#next) {
          this.#next = undefined // the present one goes on, and will say again that it is outdated
          this.#failed = this.#replacing
          this.#replaceAfterMs = this.#clock.bootMs() + replaceAgainMs
        } else if (child === this.#present) {
          if (wasReady || onFailed === undefined) this.#restart(fault.message)
          else onFailed(fault)
        }
      },
    })
    this.#living.add(child)
    return child
  }

  /** The present listener is gone. */
  #restart(why: string): void {
    const old = this.#present
    this.#remember(old)
    this.#present = this.#next
    this.#next = undefined
    this.#events.onEnded(why)
    if (this.#present !== undefined) return
    const quick = old !== undefined && this.#clock.bootMs() - old.startedMs < steadyMs
    this.#quickEnds = quick ? this.#quickEnds + 1 : 0
    const pause = pauses[Math.min(this.#quickEnds, pauses.length - 1)] ?? 0
    if (pause === 0) this.#startAgain()
    else this.#clock.after(pause, () => this.#startAgain())
  }

  #startAgain(): void {
    if (this.#stopped || this.#present !== undefined) return
    this.#present = this.#launch()
  }

  #remember(old: ListenerProcess | undefined): void {
    if (old === undefined) return
    this.#earlier = addCounts(this.#earlier, old.counts)
    this.#earlierUnparsed += old.unparsed
  }
}

/** A taken-over listener may invent reasons; more than this many are not kept. */
const mostReasons = 100

function addCounts(a: ListenerCounts, b: ListenerCounts): ListenerCounts {
  const rejected = { ...a.rejected }
  for (const [reason, count] of Object.entries(b.rejected))
    if (reason in rejected || Object.keys(rejected).length < mostReasons)
      rejected[reason] = (rejected[reason] ?? 0) + count
  return { heard: a.heard + b.heard, missed: a.missed + b.missed, rejected }
}
