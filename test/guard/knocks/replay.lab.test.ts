import { rmSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { sendFrames } from "../../support/lab/frames.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"
import { type Captured, Tap } from "./tap.ts"

if (labUnavailable) process.stderr.write(`skipped: replays: ${labUnavailable}\n`)

/** What tells one request from another, and what its answer repeats: the request MAC (knock-protocol.md, 4 and 5). */
const requestMac = (request: Uint8Array): string => Buffer.from(request.subarray(96, 128)).toString("hex")
const answeredMac = (answer: Uint8Array): string => Buffer.from(answer.subarray(64, 96)).toString("hex")
const verdictOf = (answer: Uint8Array): number => answer[10] ?? 0
const challengeVerdict = 3

describe.skipIf(labUnavailable)("whatever was recorded and is replayed", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  /** Every frame with a request in it, first ones and follow-ups, copies included. */
  let recorded: Captured[]

  const shut = async (): Promise<boolean> => !(await client.reaches("192.0.2.1", 22, 400))
  const lock = (): string => server.sh("iptables-nft -P INPUT DROP; iptables-nft -P OUTPUT DROP")

  beforeAll(async () => {
    await server.serveTcp(22)
    armed.arm("--timeout", "5m")
    const tap = await Tap.start(lab, client, "eth0", "icmp[icmptype] == icmp-echo", "out")
    for (const args of [["reset"], ["reset"], ["reset", "--one-way"], ["reset", "--hard"], ["rollback"]]) {
      lock()
      expect(await shut()).toBe(true)
      expect(armed.knock(client, ...args, "192.0.2.1").code).toBe(0)
    }
    recorded = await tap.stop()
    // With and without a challenge: first, follow-up; pinned; one-way; hard, follow-up; rollback, follow-up.
    expect(new Set(recorded.map(({ message }) => requestMac(message))).size).toBe(8)
    expect(armed.status().opens).toBe(4)
  })

  /** Replays all of it a few times; returns the verdicts of the answers that came, by request. */
  async function replay(): Promise<Map<string, Set<number>>> {
    lock()
    const before = armed.status()
    const tap = await Tap.start(lab, client, "eth0", "icmp[icmptype] == icmp-echoreply", "in")
    const verdicts = new Map<string, Set<number>>()
    await sendFrames(
      client,
      "eth0",
      recorded.map(({ frame }) => frame),
      { rate: 50, count: recorded.length * 3 },
    )
    const answers = await tap.stop()
    for (const { message } of answers) {
      const known = verdicts.get(answeredMac(message)) ?? new Set()
      verdicts.set(answeredMac(message), known.add(verdictOf(message)))
    }
    expect(await shut()).toBe(true)
    const { opens, accepted } = armed.status()
    expect({ opens, accepted }).toEqual({ opens: before.opens, accepted: before.accepted })
    return verdicts
  }

  /** All of it was heard, decided about, and answered: with a challenge and nothing else. */
  async function replayIsChallenged(): Promise<void> {
    const verdicts = await replay()
    for (const { message } of recorded)
      expect(verdicts.get(requestMac(message))).toEqual(new Set([challengeVerdict]))
    expect(armed.status()).toMatchObject({ opens: 0, accepted: 0 })
  }

  it("in the same session gets the answers that it had and does nothing", async () => {
    const verdicts = await replay()
    for (const { message } of recorded) expect(verdicts.get(requestMac(message))?.size).toBe(1)
  })

  it("after the listener was killed too", async () => {
    const { listenerPid } = armed.status()
    process.kill(listenerPid as number, "SIGKILL")
    await eventually("another listener", () => {
      const status = armed.status()
      return status.listenerPid !== listenerPid && (status.devices as string[]).includes("eth0")
    })
    const verdicts = await replay()
    for (const { message } of recorded) expect(verdicts.get(requestMac(message))?.size).toBe(1)
  })

  it("after the folders of the running session were wiped too", async () => {
    for (const folder of ["STATE_DIRECTORY", "RUNTIME_DIRECTORY"] as const)
      server.sh(`find ${armed.environment[folder]} -type f -delete`)
    await replay()
    armed.disarm()
  })

  it("in a later session with the same secret is asked for a challenge", async () => {
    armed.arm("--timeout", "5m")
    await replayIsChallenged()
    armed.disarm()
  })

  it("in a later session after everything kept was wiped, too", async () => {
    for (const folder of ["STATE_DIRECTORY", "RUNTIME_DIRECTORY"] as const)
      rmSync(armed.environment[folder] as string, { recursive: true })
    armed.arm("--timeout", "5m")
    await replayIsChallenged()
    // The control: its owner is not kept out by any of this.
    expect(armed.knock(client, "reset", "192.0.2.1").outcome).toMatchObject({ event: "opened" })
    expect(await shut()).toBe(false)
    armed.disarm()
  })

  it("after the guard was killed and resumed is asked for a challenge, what it recorded in this session included", async () => {
    armed.arm("--timeout", "5m")
    const tap = await Tap.start(lab, client, "eth0", "icmp[icmptype] == icmp-echo", "out")
    lock()
    expect(armed.knock(client, "reset", "192.0.2.1").code).toBe(0)
    lock()
    expect(armed.knock(client, "reset", "--one-way", "192.0.2.1").code).toBe(0)
    recorded.push(...(await tap.stop()))
    const { guardPid } = armed.status()
    process.kill(guardPid as number, "SIGKILL")
    await eventually("the end of the guard", () => !server.pids().includes(guardPid as number))
    const resumed = armed.try("resume", "--json")
    expect(resumed.code).toBe(0)
    await replayIsChallenged()
    armed.disarm()
  })

  it("and its answers, replayed to a later knock, are not taken for its own", async () => {
    const tap = await Tap.start(lab, client, "eth0", "icmp[icmptype] == icmp-echoreply", "in")
    armed.arm("--timeout", "5m")
    expect(armed.knock(client, "probe", "192.0.2.1", "--no-check").outcome).toMatchObject({ event: "alive" })
    armed.disarm()
    const answers = (await tap.stop()).map(({ frame }) => frame)
    expect(answers.length).toBeGreaterThan(0)
    const flood = sendFrames(server, "eth0", answers, { rate: 500, count: 1500 })
    const late = armed.knock(client, "probe", "192.0.2.1", "--no-check", "--wait", "1s")
    expect(late.outcome).toMatchObject({ event: "no-answer", exitCode: 4 })
    await flood
  })
})
