import type { ChildProcess } from "node:child_process"
import type { Clock, Timer } from "../clock.ts"
import { Fault, type FaultCode, reasonOf } from "../errors.ts"
import { LineReader } from "../listener/lines.ts"
import { type FromListener, parseFromListener, type ToListener, toLine } from "../listener/messages.ts"

/** Starts one listener process with pipes on its standard input and output. Passed in for tests. */
export type SpawnListener = () => ChildProcess

/** What the guard wants to know of its listeners. */
export interface ListenerEvents {
  /** `answer` sends 128 bytes back the way the knock came, through the process that heard it. */
  onKnock(knock: Extract<FromListener, { type: "knock" }>, answer: (data: Uint8Array) => void): void
  onPlain(plain: Extract<FromListener, { type: "plain" }>): void
  onReady(ready: Extract<FromListener, { type: "ready" }>): void
  /** A listener ended although nobody asked it to; another one is being started. */
  onEnded(why: string): void
}

/** Pause before the next start, by how many starts in a row ended before `steadyMs`; milliseconds. */
const pauses = [0, 0, 100, 300, 1000]
const steadyMs = 2000
/** A ping goes out each `pingMs`; a listener that has been silent for `hungMs` is as good as dead. */
const pingMs = 1000
const hungMs = 3000
/** Bytes of answers that may wait for a listener that does not read. */
const pipeLimit = 64 * 1024

/**
 * Keeps one listener alive: starts it, watches that it answers, and when it ends, hangs or says why it must go, starts
 * the next. Everything that comes out of it is distrusted: unknown lines are counted and dropped.
 */
export class ListenerProcess {
  readonly #spawn: SpawnListener
  readonly #clock: Clock
  readonly #setup: readonly ToListener[]
  readonly #events: ListenerEvents
  #child: ChildProcess | undefined
  #stopped = false
  #quickEnds = 0
  #pinger: Timer | undefined
  /** Lines that were no message, or too long. */
  unparsed = 0
  /** Starts since arming. */
  starts = 0
  /** The latest counts of the present listener, and the sum over those before it. */
  counts: { heard: number; missed: number; rejected: Record<string, number> } = {
    heard: 0,
    missed: 0,
    rejected: {},
  }
  #earlier: { heard: number; missed: number; rejected: Record<string, number> } = {
    heard: 0,
    missed: 0,
    rejected: {},
  }
  /** The devices the present listener hears on; empty while there is none. */
  devices: readonly string[] = []

  /** @param setup `configure`, the keys, and `start`, sent to every listener in this order. */
  constructor(deps: {
    spawn: SpawnListener
    clock: Clock
    setup: readonly ToListener[]
    events: ListenerEvents
  }) {
    this.#spawn = deps.spawn
    this.#clock = deps.clock
    this.#setup = deps.setup
    this.#events = deps.events
  }

  /**
   * Starts the first listener and waits until it is ready.
   * @throws Fault with the listener's own code and words when it cannot begin.
   */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => this.#begin(resolve, reject))
    this.#pinger = this.#clock.every(pingMs, () => this.#ping())
  }

  /** Lets the listener go; it ends when its standard input does. */
  stop(): void {
    this.#stopped = true
    this.#pinger?.cancel()
    this.#child?.stdin?.end()
    this.#child?.kill("SIGTERM")
  }

  /** The process id of the present listener. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  #lastPongMs = 0
  #sequence = 0

  #ping(): void {
    const child = this.#child
    if (child === undefined) return
    if (this.#clock.bootMs() - this.#lastPongMs > hungMs) {
      child.kill("SIGKILL") // its `close` starts the next
      return
    }
    this.#sequence += 1
    this.#write(child, { type: "ping", sequence: this.#sequence })
  }

  #write(child: ChildProcess, message: ToListener): void {
    const pipe = child.stdin
    if (pipe?.writable && pipe.writableLength < pipeLimit) pipe.write(toLine(message))
  }

  #begin(onReady?: () => void, onFailed?: (fault: Fault) => void): void {
    this.starts += 1
    const startedMs = this.#clock.bootMs()
    let child: ChildProcess
    try {
      child = this.#spawn()
    } catch (thrown) {
      const fault =
        thrown instanceof Fault
          ? thrown
          : new Fault("missing", `cannot start the listener: ${reasonOf(thrown)}`)
      if (onFailed !== undefined) return onFailed(fault)
      return this.#again(startedMs, fault.message)
    }
    this.#child = child
    this.#lastPongMs = startedMs + hungMs // loading and opening captures takes its time
    let fault: Fault | undefined
    let stderr = ""
    let ready = false
    const handle = (message: FromListener): void => {
      switch (message.type) {
        case "ready":
          ready = true
          this.#lastPongMs = this.#clock.bootMs()
          this.devices = message.devices
          this.#events.onReady(message)
          onReady?.()
          return
        case "knock":
          return this.#events.onKnock(message, (data) =>
            this.#write(child, { type: "answer", ref: message.ref, data: Buffer.from(data).toString("hex") }),
          )
        case "plain":
          return this.#events.onPlain(message)
        case "counts":
          this.counts = addCounts(this.#earlier, message)
          return
        case "pong":
          this.#lastPongMs = this.#clock.bootMs()
          return
        case "fault":
          fault = new Fault(
            faultCode(message.code),
            message.message,
            message.hint === "" ? {} : { hint: message.hint },
          )
          return
      }
    }
    const reader = new LineReader((line) => {
      const message = parseFromListener(line)
      if (message === undefined) this.unparsed += 1
      else handle(message)
    })
    child.stdout?.on("data", (chunk: Buffer) => reader.feed(chunk))
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr = (stderr + chunk.toString("utf8")).slice(-500)
    })
    child.stdin?.on("error", () => {}) // EPIPE: its end is reported by `close`
    let over = false
    const end = (code: number | null, signal: NodeJS.Signals | null): void => {
      if (over) return
      over = true
      if (this.#child === child) {
        this.#child = undefined
        this.devices = []
      }
      this.#earlier = this.counts
      if (this.#stopped) return
      const why =
        fault?.message ?? (signal ? `ended by ${signal}` : `ended with code ${code}: ${lastLine(stderr)}`)
      if (ready || onFailed === undefined) return this.#again(startedMs, why)
      onFailed(fault ?? new Fault("state-unknown", `the listener did not begin: ${why}`))
    }
    child.once("close", end)
    child.once("error", (cause) => {
      fault = new Fault("missing", `cannot start the listener: ${cause.message}`)
      end(null, null) // a spawn that failed need not be followed by `close`
    })
    for (const message of this.#setup) child.stdin?.write(toLine(message))
  }

  #again(startedMs: number, why: string): void {
    this.#events.onEnded(why)
    this.#quickEnds = this.#clock.bootMs() - startedMs < steadyMs ? this.#quickEnds + 1 : 0
    const pause = pauses[Math.min(this.#quickEnds, pauses.length - 1)] ?? 0
    if (pause === 0) this.#begin()
    else this.#clock.after(pause, () => this.#stopped || this.#begin())
  }
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? ""

const faultCodes: readonly FaultCode[] = ["permission", "missing", "configuration", "usage", "refused"]
const faultCode = (text: string): FaultCode => faultCodes.find((code) => code === text) ?? "state-unknown"

function addCounts(
  a: { heard: number; missed: number; rejected: Record<string, number> },
  b: { heard: number; missed: number; rejected: Readonly<Record<string, number>> },
): { heard: number; missed: number; rejected: Record<string, number> } {
  const rejected = { ...a.rejected }
  for (const [reason, count] of Object.entries(b.rejected)) rejected[reason] = (rejected[reason] ?? 0) + count
  return { heard: a.heard + b.heard, missed: a.missed + b.missed, rejected }
}
