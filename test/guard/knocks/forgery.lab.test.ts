import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { deriveKeys, type KnockKeys } from "../../../src/knock/keys.ts"
import { encodeRequest, type Request } from "../../../src/knock/request.ts"
import { sendEchoes } from "../../support/lab/echo-sender.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: forgery: ${labUnavailable}\n`)

/** A reset that a standing secret's server accepts in one packet: one-way, made now. */
const reset = (keys: KnockKeys, changes: Partial<Request> = {}): Uint8Array =>
  encodeRequest(keys, {
    verb: "reset",
    oneWay: true,
    hard: false,
    clientTimeMs: Date.now(),
    nonce: new Uint8Array(randomBytes(16)),
    challenge: undefined,
    ...changes,
  })

describe.skipIf(labUnavailable)("only the owner of the secret", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const keys = deriveKeys(armed.secret)
  const shut = (): Promise<boolean> => client.reaches("192.0.2.1", 22).then((open) => !open)
  const lock = (): string => server.run(["iptables-nft", "-P", "INPUT", "DROP"])
  const opens = (): number => armed.status().opens as number

  beforeAll(async () => {
    await server.serveTcp(22)
    armed.arm("--timeout", "5m")
    lock()
    expect(await shut()).toBe(true)
  })

  it("gets in with one authentic packet, once for each knock", async () => {
    const knock = reset(keys)
    sendEchoes(client, "192.0.2.1", [{ data: knock }])
    await eventually("the reset", async () => !(await shut()))
    await eventually("its settling", () => opens() === 1)
    lock()
    sendEchoes(client, "192.0.2.1", Array(5).fill({ data: knock }))
    expect(await shut()).toBe(true)

    // The nonces are the guard's: killing the listener does not make it forget.
    process.kill(armed.status().listenerPid as number, "SIGKILL")
    await eventually("another listener", () => {
      const status = armed.status()
      return status.listenerStarts === 2 && (status.devices as string[]).includes("any")
    })
    sendEchoes(client, "192.0.2.1", Array(5).fill({ data: knock }))
    expect(await shut()).toBe(true)
    expect(opens()).toBe(1)
    sendEchoes(client, "192.0.2.1", [{ data: reset(keys) }])
    await eventually("a new knock to the new listener", async () => !(await shut()))
    await eventually("its settling", () => opens() === 2) // or it would take the next lockout away too
    lock()
  })

  it("and nobody with another secret, or with a knock bent in any one bit", async () => {
    const before = opens()
    const knock = reset(keys)
    // A new knock for each bit: bent copies of one would be held for its retransmissions and not all be looked at.
    const bent = Array.from({ length: 1024 }, (_, bit) => {
      const data = reset(keys)
      data[bit >> 3] = (data[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7))
      return { data }
    })
    sendEchoes(client, "192.0.2.1", [{ data: reset(deriveKeys(new Uint8Array(randomBytes(16)))) }])
    for (const length of [0, 1, 8, 79, 80, 127])
      sendEchoes(client, "192.0.2.1", [{ data: knock.subarray(0, length) }])
    sendEchoes(client, "192.0.2.1", [{ data: Uint8Array.of(...knock, 0) }])
    sendEchoes(client, "192.0.2.1", [{ data: knock, kind: "reply" }])
    const counted = (): boolean => {
      const rejected = armed.status().rejected as Record<string, number>
      return (rejected["screen/screen-mac"] ?? 0) >= 600 && (rejected["verify/request-mac"] ?? 0) >= 200
    }
    // A listener that a busy machine keeps waiting lets some of them go unseen: then once more.
    for (let attempt = 0; attempt < 4 && !counted(); attempt++) {
      for (let at = 0; at < bent.length; at += 128) sendEchoes(client, "192.0.2.1", bent.slice(at, at + 128))
      await eventually("the counts", counted, 3000).catch(() => {})
    }
    expect(counted()).toBe(true)
    expect(opens()).toBe(before)
    expect(await shut()).toBe(true)

    // The control: the very same bytes, unbent, open.
    sendEchoes(client, "192.0.2.1", [{ data: knock }])
    await eventually("the control", async () => !(await shut()))
  })
})
