import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { deriveKeys } from "../../../src/knock/keys.ts"
import { encodeRequest } from "../../../src/knock/request.ts"
import { sendFrames } from "../../support/lab/frames.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"
import { segmentFrames } from "../../support/lab/segments.ts"
import { pythonKnock } from "./python-knock.ts"
import { Tap } from "./tap.ts"

if (labUnavailable) process.stderr.write(`skipped: silence over tcp: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("over TCP, what is not authentic", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const keys = deriveKeys(armed.secret)
  const probe = (): Uint8Array =>
    encodeRequest(keys, {
      ...{ verb: "probe", oneWay: false, hard: false, clientTimeMs: Date.now(), challenge: undefined },
      nonce: new Uint8Array(randomBytes(16)),
    })
  const rejected = (reason: string): number =>
    (armed.status().rejected as Record<string, number>)[reason] ?? 0
  /** All that comes back from the server while `frames` go there. */
  const answers = async (frames: readonly Uint8Array[]): Promise<number> => {
    const tap = await Tap.start(lab, client, "eth0", "tcp", "in")
    await sendFrames(client, "eth0", frames, { rate: 500, count: frames.length })
    return (await tap.stop()).length
  }

  beforeAll(async () => {
    await server.serveTcp(22)
    armed.arm("--timeout", "10m")
    server.sh("iptables-nft -P INPUT DROP; iptables-nft -P OUTPUT DROP")
  })

  it("gets silence: bent in any one byte, too long or short, under another secret, with other flags, at another port", async () => {
    const segment = segmentFrames(client, server)
    const bent = Array.from({ length: 128 }, (_, at) => {
      const data = probe()
      data[at] = (data[at] ?? 0) ^ 1
      return segment(data)
    })
    const other = deriveKeys(new Uint8Array(randomBytes(16)))
    const foreign = encodeRequest(other, {
      ...{ verb: "reset", oneWay: true, hard: false, clientTimeMs: Date.now(), challenge: undefined },
      nonce: new Uint8Array(randomBytes(16)),
    })
    const frames = [
      ...bent,
      ...[0, 8, 127].map((length) => segment(probe().subarray(0, length))),
      segment(Uint8Array.of(...probe(), 0)),
      segment(foreign),
      ...[0, 1, 3, 4, 6, 17, 18, 20].map((flags) => segment(probe(), { flags })),
      segment(probe(), { port: 23 }),
    ]
    expect(await answers(frames)).toBe(0)
    expect(armed.status().accepted).toBe(0)
    await eventually("the counts", () => rejected("screen/screen-mac") > 60)
    // The very same way whole ones are answered.
    expect(await answers([segment(probe()), segment(probe(), { flags: 24 })])).toBe(2)
  })

  it("does not wake the process: 100 000 other SYNs to the port, with and without data", async () => {
    const segment = segmentFrames(client, server)
    const others = Array.from({ length: 200 }, (_, at) =>
      segment(new Uint8Array(randomBytes(at % 2 === 0 ? 0 : 128))),
    )
    const wakes = (): number =>
      Number(
        /^voluntary_ctxt_switches:\s+(\d+)/m.exec(
          readFileSync(`/proc/${armed.status().listenerPid}/status`, "utf8"),
        )?.[1],
      )
    const idleFrom = wakes()
    await new Promise((resolve) => setTimeout(resolve, 5000))
    const aSecond = (wakes() - idleFrom) / 5
    const { heard, listenerPid } = armed.status() as { heard: number; listenerPid: number }
    const before = wakes()
    const { seconds } = await sendFrames(client, "eth0", others, { rate: 0, count: 100_000 })
    const more = wakes() - before
    await new Promise((resolve) => setTimeout(resolve, 4000)) // the listener tells its counts every 3 s at most
    expect(armed.status().listenerPid).toBe(listenerPid)
    // What the tests before have sent may be counted by now.
    expect((armed.status().heard as number) - heard).toBeLessThan(200)
    process.stderr.write(
      `100 000 SYNs in ${seconds} s: ${more} wake-ups of the listener, idle ${aSecond} a second\n`,
    )
    expect(more).toBeLessThan(100 + 3 * aSecond * seconds)
    const knocked = await pythonKnock(client, armed.secretFile, [
      "probe",
      "192.0.2.1",
      "--road",
      "raw-tcp/22",
    ])
    expect(knocked).toMatchObject({ code: 0, said: { verdict: "alive" } })
  })

  it("repeats one answer for a replayed knock at a pace, and none faster", async () => {
    const segment = segmentFrames(client, server)
    const data = probe()
    const came = await answers([segment(data), ...Array.from({ length: 500 }, () => segment(data))])
    expect(came).toBeGreaterThanOrEqual(2)
    expect(came).toBeLessThan(40)
  })

  it("is heard from the sources of --from only, on the interfaces of --interface, and not at all with --road none", async () => {
    const segment = segmentFrames(client, server)
    armed.disarm()
    armed.arm("--timeout", "10m", "--from", "192.0.2.9", "--interface", "eth0")
    expect(await answers([segment(probe())])).toBe(0)
    await eventually("the count", () => rejected("screen/source-not-allowed") > 0)
    expect(await answers([segment(probe(), { source: "192.0.2.9" })])).toBe(1)
    armed.disarm()
    armed.arm("--timeout", "10m", "--road", "none")
    expect(armed.status().roads).toEqual(["icmp"])
    expect(await answers([segment(probe())])).toBe(0)
    armed.disarm()
    expect(armed.try("--road", "tcp/0", "--detach").code).toBe(64)
  })
})
