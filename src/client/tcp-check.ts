import { connect, type Socket } from "node:net"
import type { Clock } from "../clock.ts"

/** `open`: a connection came up. `closed`: it was refused at once. `filtered`: nothing, or a router's "prohibited". */
export type PortState = "open" | "closed" | "filtered"

export interface PortCheck {
  readonly port: number
  readonly state: PortState
  /** The error that told, such as ECONNREFUSED, or `timeout`; undefined when open. */
  readonly reason?: string
  /** Milliseconds until it was known. */
  readonly tookMs: number
}

export interface CheckOptions {
  /** Milliseconds after which what did not answer is `filtered`. */
  readonly limitMs: number
  /** A refusal is not the last word: go on trying until the limit (`--plain`, where no answer tells that it is open). */
  readonly untilOpen?: boolean
  /** Ends it early, as `filtered`. */
  readonly signal?: AbortSignal
}

// The kernel sends its second SYN after a second (RFC 6298 2.1), too late for a check: connections of our own, overlapping.
const startsMs = [0, 300, 1000]
const restartMs = 1000

/** Errors that this machine itself gives for an address, without asking anybody: trying again changes nothing. */
const fromHere = new Set(["ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL", "EPERM"])

/**
 * Finds out whether a new TCP connection to `address` `port` comes up: connects again and again until something answers,
 * and closes what came up. Never throws and never rejects: what goes wrong is an answer too.
 */
export async function checkTcp(
  address: string,
  port: number,
  clock: Clock,
  options: CheckOptions,
): Promise<PortCheck> {
  const { check, connection } = await connectTcp(address, port, clock, options)
  connection?.destroy()
  return check
}

/** As `checkTcp`, but hands over the connection that came up: the caller destroys it. */
export async function connectTcp(
  address: string,
  port: number,
  clock: Clock,
  options: CheckOptions,
): Promise<{ check: PortCheck; connection?: Socket }> {
  const begun = clock.bootMs()
  const attempts = new Set<Socket>()
  return await new Promise((resolve) => {
    let refused: string | undefined
    let last = "timeout"
    const timers = [clock.after(options.limitMs, () => end())]

    const end = (connection?: Socket): void => {
      options.signal?.removeEventListener("abort", abort)
      for (const timer of timers) timer.cancel()
      for (const attempt of attempts) if (attempt !== connection) attempt.destroy()
      const tookMs = clock.bootMs() - begun
      const state = refused === undefined ? "filtered" : "closed"
      if (connection === undefined) resolve({ check: { port, state, reason: refused ?? last, tookMs } })
      else resolve({ check: { port, state: "open", tookMs }, connection })
    }
    const abort = (): void => end()
    options.signal?.addEventListener("abort", abort)
    if (options.signal?.aborted) {
      end()
      return
    }

    const attempt = (): void => {
      // allowHalfOpen: a service that closes first does not take the connection out of the server's table
      const socket = connect({ host: address, port, allowHalfOpen: true, autoSelectFamily: false })
      attempts.add(socket)
      socket.once("connect", () => end(socket))
      socket.on("error", (error: NodeJS.ErrnoException) => {
        attempts.delete(socket)
        last = error.code ?? error.message
        if (last === "ECONNREFUSED" || last === "ECONNRESET") refused = last
        const settled = refused !== undefined || fromHere.has(last)
        if (settled && !options.untilOpen) end()
      })
    }
    for (const [index, startMs] of startsMs.entries())
      timers.push(
        clock.after(startMs, () => {
          attempt()
          if (index === startsMs.length - 1) timers.push(clock.every(restartMs, attempt))
        }),
      )
  })
}
