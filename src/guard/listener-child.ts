import type { ChildProcess } from "node:child_process"
import type { Clock } from "../clock.ts"
import { Fault, type FaultCode, reasonOf } from "../errors.ts"
import { LineReader } from "../listener/lines.ts"
import { type FromListener, parseFromListener, type ToListener, toLine } from "../listener/messages.ts"

/** Starts one listener process with pipes on its standard input and output. Passed in for tests. */
export type SpawnListener = () => ChildProcess

/** What one listener has counted since it began. */
export interface ListenerCounts {
  readonly heard: number
  readonly missed: number
  readonly rejected: Readonly<Record<string, number>>
}

/** What comes out of one listener process. */
export interface ChildEvents {
  onReady(ready: Extract<FromListener, { type: "ready" }>): void
  onKnock(knock: Extract<FromListener, { type: "knock" }>): void
  onPlain(plain: Extract<FromListener, { type: "plain" }>): void
  /** It says that its captures no longer fit this host, and goes on listening until it is let go. */
  onOutdated(why: string): void
  /** It is gone; called once, also when it could not be started. */
  onEnd(end: { readonly fault: Fault; readonly wasReady: boolean }): void
}

/** Bytes of answers that may wait for a listener that does not read. */
const pipeLimit = 64 * 1024

/**
 * One listener process. Everything that comes out of it is distrusted: unknown lines are counted and dropped, and long
 * ones are never held.
 */
export class ListenerChild {
  readonly #clock: Clock
  readonly #process: ChildProcess | undefined
  readonly startedMs: number
  /** When it last said anything, on the boot clock. */
  lastHeardMs: number
  /** The devices it hears on; empty until it is ready. */
  devices: readonly string[] = []
  counts: ListenerCounts = { heard: 0, missed: 0, rejected: {} }
  /** Lines that were no message, or too long. */
  unparsed = 0
  /** When it last heard its own canary, on the boot clock; undefined when it sends none. */
  canaryMs: number | undefined
  #pings = 0

  constructor(spawn: SpawnListener, clock: Clock, setup: readonly ToListener[], events: ChildEvents) {
    this.#clock = clock
    this.startedMs = clock.bootMs()
    this.lastHeardMs = this.startedMs
    try {
      this.#process = spawn()
    } catch (thrown) {
      const fault =
        thrown instanceof Fault
          ? thrown
          : new Fault("missing", `cannot start the listener: ${reasonOf(thrown)}`)
      queueMicrotask(() => events.onEnd({ fault, wasReady: false }))
      return
    }
    this.#watch(this.#process, events)
    for (const message of setup) this.#process.stdin?.write(toLine(message))
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  answer(ref: number, data: Uint8Array): void {
    this.#write({ type: "answer", ref, data: Buffer.from(data).toString("hex") })
  }

  ping(): void {
    this.#pings += 1
    this.#write({ type: "ping", sequence: this.#pings })
  }

  /** Lets it go: it ends when its standard input does, having injected the answers that were on their way. */
  letGo(): void {
    this.#process?.stdin?.end()
  }

  kill(): void {
    this.#process?.kill("SIGKILL")
  }

  #write(message: ToListener): void {
    const pipe = this.#process?.stdin
    if (pipe?.writable && pipe.writableLength < pipeLimit) pipe.write(toLine(message))
  }

  #watch(child: ChildProcess, events: ChildEvents): void {
    let fault: Fault | undefined
    let stderr = ""
    const reader = new LineReader((line) => {
      const message = parseFromListener(line)
      if (message === undefined) {
        this.unparsed += 1
        return
      }
      this.lastHeardMs = this.#clock.bootMs()
      if (message.type === "fault") fault = faultOf(message)
      else this.#take(message, events)
    })
    child.stdout?.on("data", (chunk: Buffer) => reader.feed(chunk))
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr = (stderr + chunk.toString("utf8")).slice(-500)
    })
    child.stdin?.on("error", () => {}) // EPIPE: its end is reported by `close`
    let over = false
    const end = (why: string): void => {
      if (over) return
      over = true
      const wasReady = this.devices.length > 0
      events.onEnd({ fault: fault ?? new Fault("state-unknown", `the listener ${why}`), wasReady })
    }
    child.once("close", (code, signal) =>
      end(signal === null ? `ended with code ${code}: ${lastLine(stderr)}` : `was ended by ${signal}`),
    )
    // A spawn that failed need not be followed by `close`.
    child.once("error", (cause) => {
      fault = new Fault("missing", `cannot start the listener: ${cause.message}`)
      end("did not start")
    })
  }

  #take(message: Exclude<FromListener, { type: "fault" }>, events: ChildEvents): void {
    switch (message.type) {
      case "ready":
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
        this.canaryMs = this.#clock.bootMs()
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
