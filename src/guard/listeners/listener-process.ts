import type { ChildProcess } from "node:child_process"
import type { Clock } from "../../clock.ts"
import { Fault, type FaultCode, reasonOf } from "../../errors.ts"
import { LineReader } from "../../pipe/line-reader.ts"
import { LineWriter } from "../../pipe/line-writer.ts"
import { type FromListener, parseFromListener, type ToListener, toLine } from "../../pipe/messages.ts"
import { signalChild } from "../../signal-child.ts"
import { ReadingAllowance } from "./reading-allowance.ts"

/** Starts one listener process with pipes on its standard input and output. Passed in for tests. */
export type SpawnListener = () => ChildProcess

/** The counts of one listener since it began. */
export interface ListenerCounts {
  readonly heard: number
  readonly missed: number
  readonly rejected: Readonly<Record<string, number>>
}

/** The events of one listener process. */
export interface ChildEvents {
  onReady(ready: Extract<FromListener, { type: "ready" }>): void
  onKnock(knock: Extract<FromListener, { type: "knock" }>): void
  onPlain(plain: Extract<FromListener, { type: "plain" }>): void
  /** It says that its captures no longer fit this host, and goes on listening until it is let go. */
  onOutdated(why: string): void
  /** It is gone; called once, also when it could not be started. */
  onEnd(end: { readonly fault: Fault; readonly wasReady: boolean }): void
}

/** How long a listener that was let go may take to end, in milliseconds. */
const lingerMs = 2000

/**
 * One listener process. Everything that comes out of it is distrusted: unknown lines are counted and dropped, and long
 * ones are never held.
 */
export class ListenerProcess {
  readonly #clock: Clock
  readonly #process: ChildProcess | undefined
  readonly #writer: LineWriter | undefined
  readonly startedMs: number
  /** It has opened its captures. */
  ready = false
  /** The devices it hears on; empty until it is ready. */
  devices: readonly string[] = []
  counts: ListenerCounts = { heard: 0, missed: 0, rejected: {} }
  /** Pings since it last said anything. */
  unanswered = 0
  /** Canaries that it sent since it last heard one; stays 0 when it sends none. */
  unheardCanaries = 0
  /** Resolves when it is gone. */
  readonly gone: Promise<void>
  #resolveGone: () => void = () => {}
  readonly #reader: LineReader
  #fault: Fault | undefined
  #unknown = 0
  #lines = 0
  #pings = 0

  constructor(spawn: SpawnListener, clock: Clock, setup: readonly ToListener[], events: ChildEvents) {
    this.#clock = clock
    this.startedMs = clock.bootMs()
    this.gone = new Promise((resolve) => {
      this.#resolveGone = resolve
    })
    this.#reader = new LineReader((line) => this.#hear(line, events))
    try {
      this.#process = spawn()
    } catch (thrown) {
      const fault =
        thrown instanceof Fault
          ? thrown
          : new Fault("missing", `cannot start the listener: ${reasonOf(thrown)}`)
      this.#resolveGone()
      queueMicrotask(() => events.onEnd({ fault, wasReady: false }))
      return
    }
    this.#watch(this.#process, events)
    // All of the setup, however much: the listener reads nothing else before it.
    for (const message of setup) this.#process.stdin?.write(toLine(message))
    if (this.#process.stdin) this.#writer = new LineWriter(this.#process.stdin)
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  answer(ref: number, data: Uint8Array): void {
    this.#write({ type: "answer", ref, data: Buffer.from(data).toString("hex") })
  }

  /** Lines that were no message, or too long. */
  get unparsed(): number {
    return this.#unknown + this.#reader.overlong
  }

  ping(): void {
    this.#pings += 1
    this.unanswered += 1
    this.#write({ type: "ping", sequence: this.#pings })
  }

  /** Makes it look around now; whether it answers says nothing. */
  nudge(): void {
    this.#write({ type: "ping", sequence: this.#pings })
  }

  /**
   * Lets it go: it ends when its standard input does, having injected the answers that were on their way. One that does not
   * end is killed: nobody would hear of what it does any more.
   */
  letGo(): void {
    this.#process?.stdin?.end()
    const timer = this.#clock.after(lingerMs, () => this.kill())
    void this.gone.then(() => timer.cancel())
  }

  /** @param why what it is to be reported as, when it has not said so itself */
  kill(why?: string): void {
    if (why !== undefined) this.#fault ??= new Fault("state-unknown", `the listener ${why}`)
    if (this.#process !== undefined) signalChild(this.#process, "SIGKILL")
  }

  #write(message: ToListener): void {
    this.#writer?.send(message)
  }

  #watch(child: ChildProcess, events: ChildEvents): void {
    let stderr = ""
    this.#listenTo(child)
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr = (stderr + chunk.toString("utf8")).slice(-500)
    })
    child.stdin?.on("error", () => {}) // EPIPE: its end is reported by `close`
    let over = false
    const end = (why: string): void => {
      if (over) return
      over = true
      this.#resolveGone()
      const fault = this.#fault ?? new Fault("state-unknown", `the listener ${why}`)
      events.onEnd({ fault, wasReady: this.ready })
    }
    child.once("close", (code, signal) =>
      end(signal === null ? `ended with code ${code}: ${lastLine(stderr)}` : `was ended by ${signal}`),
    )
    // A spawn that failed need not be followed by `close`.
    child.once("error", (cause) => {
      this.#fault = new Fault("missing", `cannot start the listener: ${cause.message}`)
      end("did not start")
    })
  }

  /** Reads what it says, and no faster than {@link ReadingAllowance} lets it. */
  #listenTo({ stdout }: ChildProcess): void {
    const allowance = new ReadingAllowance(this.#clock.bootMs())
    stdout?.on("data", (chunk: Buffer) => {
      const linesBefore = this.#lines
      this.#reader.feed(chunk)
      const pauseMs = allowance.spend(this.#lines - linesBefore, chunk.length, this.#clock.bootMs())
      if (pauseMs === 0) return
      stdout.pause()
      this.#clock.after(pauseMs, () => stdout.resume())
    })
  }

  #hear(line: string, events: ChildEvents): void {
    this.#lines += 1
    const message = parseFromListener(line)
    if (message === undefined) {
      this.#unknown += 1
      return
    }
    this.unanswered = 0
    if (message.type === "fault") this.#fault = faultOf(message)
    else this.#take(message, events)
  }

  #take(message: Exclude<FromListener, { type: "fault" }>, events: ChildEvents): void {
    switch (message.type) {
      case "ready":
        if (this.ready) return // one that says it again is no longer ours
        this.ready = true
        this.devices = message.devices
        return events.onReady(message)
      case "knock":
        return events.onKnock(message)
      case "plain":
        return events.onPlain(message)
      case "outdated":
        return events.onOutdated(message.why)
      case "counts":
        this.counts = message
        return
      case "canary":
        this.unheardCanaries = message.is === "heard" ? 0 : this.unheardCanaries + 1
        return
      case "pong":
        return
    }
  }
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? ""

const faultCodes: readonly FaultCode[] = ["permission", "missing", "configuration", "usage", "refused"]

function faultOf({ code, message, hint }: Extract<FromListener, { type: "fault" }>): Fault {
  const known = faultCodes.find((candidate) => candidate === code) ?? "state-unknown"
  return new Fault(known, message, hint === "" ? {} : { hint })
}
