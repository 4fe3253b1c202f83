import { type ChildProcess, spawn } from "node:child_process"
import { connectTcp } from "../../../../client/tcp-check.ts"
import type { Clock } from "../../../../clock.ts"
import { signalChild } from "../../../../signal-child.ts"
import { jumpArgs } from "./jump.ts"

/** Sent by whichever server is asked first (RFC 4253 section 4.2). */
const bannerPattern = /^SSH-\d/m
/** An sshd sends its banner in the first round trip: time for a SYN that is sent three times (RFC 6298: 0, 1 and 3 s); milliseconds. */
const limitMs = 4000
/** Through a jump host there is a login first; milliseconds. */
const jumpLimitMs = 8000

/** A connection that did not stand before. */
export interface NewConnection {
  /** sshd has spoken over it. */
  readonly speaksSsh: boolean
  /** One line for people, where it does not. */
  readonly why: string
  close(): void
}

/** The way to a port: straight, or through jump hosts by `ssh -W`. */
export interface Way {
  readonly address: string
  readonly port: number
  /** As ProxyJump has them; undefined for none. */
  readonly jump: string | undefined
  readonly ssh: readonly string[]
}

/** Opens a new connection to sshd and waits for its banner. It stands until it is closed. */
export async function openNewConnection(way: Way, clock: Clock): Promise<NewConnection> {
  if (way.jump !== undefined) return await throughJump(way, way.jump, clock)
  const { connection, check } = await connectTcp(way.address, way.port, clock, { limitMs })
  if (connection === undefined)
    return { speaksSsh: false, why: `tcp/${way.port} is ${check.state}`, close: () => {} }
  const speaksSsh = await hearsBanner(connection, clock, limitMs)
  return { speaksSsh, why: `no sshd speaks on tcp/${way.port}`, close: () => connection.destroy() }
}

async function throughJump({ address, port, ssh }: Way, jump: string, clock: Clock): Promise<NewConnection> {
  const [program = "ssh", ...options] = ssh
  const to = `${address.includes(":") ? `[${address}]` : address}:${port}`
  const child: ChildProcess = spawn(program, [...options, "-W", to, ...jumpArgs(jump)], {
    stdio: ["pipe", "pipe", "inherit"],
  })
  child.stdin?.on("error", () => {})
  child.on("error", () => {}) // no banner comes then, and that is said
  const speaksSsh = child.stdout !== null && (await hearsBanner(child.stdout, clock, jumpLimitMs))
  return {
    speaksSsh,
    why: `no sshd speaks on tcp/${port} through ${jump}`,
    close: () => signalChild(child),
  }
}

async function hearsBanner(stream: NodeJS.ReadableStream, clock: Clock, withinMs: number): Promise<boolean> {
  return await new Promise((resolve) => {
    let text = ""
    const end = (heard: boolean): void => {
      timer.cancel()
      resolve(heard)
    }
    const timer = clock.after(withinMs, () => end(false))
    stream.on("data", (chunk: Buffer) => {
      text = (text + chunk.toString("latin1")).slice(0, 4096)
      if (bannerPattern.test(text)) end(true)
    })
    for (const over of ["end", "close", "error"]) stream.on(over, () => end(false))
  })
}
