import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import { type Answer, encodeAnswer } from "../../src/knock/answer.ts"
import { Exchange, type ExchangeOptions } from "../../src/knock/exchange.ts"
import type { Instant } from "../../src/knock/freshness.ts"
import { deriveKeys } from "../../src/knock/keys.ts"
import { type Request, requestMacOf } from "../../src/knock/request.ts"
import { createVerifier } from "../../src/knock/verify.ts"

const keys = deriveKeys(new Uint8Array(16).fill(3))
const verify = createVerifier([{ keys }])
const at = (bootMs: number): Instant => ({ bootMs, wallMs: 1_700_000_000_000 + bootMs })
const challengeOf = (n: number): Uint8Array => new Uint8Array(36).fill(n)

function begin(options: Partial<ExchangeOptions> = {}): Exchange {
  let made = 0
  const random = (length: number): Uint8Array => {
    made += 1
    return new Uint8Array(createHash("sha256").update(`${made}`).digest().subarray(0, length))
  }
  return new Exchange({ keys, verb: "reset", hard: false, oneWay: false, random, ...options }, at(0))
}

function requestIn(bytes: Uint8Array | undefined): Request {
  const verified = verify(bytes ?? new Uint8Array())
  if (!verified.ok) throw new Error(verified.rejection.reason)
  return verified.value.request
}

function answerTo(request: Uint8Array | undefined, fields: Partial<Answer>): Uint8Array {
  const bytes = request ?? new Uint8Array(128)
  return encodeAnswer(keys, {
    verb: requestIn(bytes).verb,
    verdict: "opened",
    verified: false,
    pinned: false,
    stillDropping: 0,
    reLocks: 0,
    secondsLeft: 60,
    serverTimeMs: 1_700_000_000_000,
    challenge: undefined,
    requestMac: requestMacOf(bytes),
    ...fields,
  })
}

/** What is sent until `untilMs`, by a sender that is called exactly when it asks to be. */
function sendsUntil(exchange: Exchange, untilMs: number): { atMs: number; bytes: Uint8Array }[] {
  const sends: { atMs: number; bytes: Uint8Array }[] = []
  for (let due = exchange.nextSendMs(); due !== undefined && due <= untilMs; due = exchange.nextSendMs()) {
    const bytes = exchange.send(at(due))
    if (bytes !== undefined) sends.push({ atMs: due, bytes })
  }
  return sends
}

describe("the schedule", () => {
  test("is 0, 50, 150, 400 ms, then every 400", () => {
    const sends = sendsUntil(begin({ verb: "probe" }), 40_000).map((send) => send.atMs)
    expect(sends.slice(0, 7)).toEqual([0, 50, 150, 400, 800, 1200, 1600])
    expect([sends[100], sends.length]).toEqual([39_200, 103])
  })

  test("copies are the same bytes, and a reset that hears nothing goes on one-way after 2 s", () => {
    const exchange = begin()
    const sends = sendsUntil(exchange, 3000)
    expect(sends.map((send) => send.atMs)).toEqual([
      0, 50, 150, 400, 800, 1200, 1600, 2000, 2050, 2150, 2400, 2800,
    ])
    const requests = sends.map((send) => requestIn(send.bytes))
    expect(requests.map((request) => request.oneWay)).toEqual([
      ...Array(7).fill(false),
      ...Array(5).fill(true),
    ])
    expect(new Set(sends.map((send) => Buffer.from(send.bytes).toString("hex"))).size).toBe(2)
    expect(requests[7]?.nonce).not.toEqual(requests[0]?.nonce)
    expect(requests[7]?.clientTimeMs).toBe(1_700_000_002_000)
  })

  test("what a pause has missed is not sent in a burst", () => {
    const exchange = begin({ verb: "probe" })
    expect(exchange.send(at(0))).toBeDefined()
    expect(exchange.send(at(10))).toBeUndefined()
    expect(exchange.send(at(60_100))).toBeDefined()
    expect(exchange.nextSendMs()).toBe(60_400)
  })

  test("only a reset turns one-way by itself; rollback and confirm never are", () => {
    for (const verb of ["probe", "rollback", "confirm"] as const) {
      const last = sendsUntil(begin({ verb }), 5000).at(-1)
      expect(requestIn(last?.bytes).oneWay).toBe(false)
    }
    expect(requestIn(begin({ verb: "confirm", oneWay: true }).send(at(0))).oneWay).toBe(false)
    expect(requestIn(begin({ verb: "probe", oneWay: true }).send(at(0))).oneWay).toBe(true)
  })

  test("--one-way begins so, and stays one request", () => {
    const sends = sendsUntil(begin({ oneWay: true, hard: true }), 4000)
    expect(requestIn(sends[0]?.bytes)).toMatchObject({ oneWay: true, hard: true })
    expect(new Set(sends.map((send) => Buffer.from(send.bytes).toString("hex"))).size).toBe(1)
  })

  test("a clock before 1970 is sent as 1970", () => {
    const options = {
      keys,
      verb: "reset",
      hard: false,
      oneWay: false,
      random: (n: number) => new Uint8Array(n),
    } as const
    const exchange = new Exchange(options, { bootMs: 0, wallMs: -5.5 })
    expect(requestIn(exchange.send({ bootMs: 0, wallMs: -5.5 })).clientTimeMs).toBe(0)
  })
})

describe("answers", () => {
  test("a challenge is followed at once with a new nonce, the challenge, and the same wish", () => {
    const exchange = begin({ hard: true })
    const first = exchange.send(at(0))
    const received = exchange.receive(
      answerTo(first, { verdict: "challenge", challenge: challengeOf(1) }),
      at(30),
    )
    expect(received.kind).toBe("follow-up")
    expect(exchange.nextSendMs()).toBe(30)
    const follow = exchange.send(at(30))
    expect(requestIn(follow)).toMatchObject({
      verb: "reset",
      hard: true,
      oneWay: false,
      challenge: challengeOf(1),
      clientTimeMs: 1_700_000_000_030,
    })
    expect(requestIn(follow).nonce).not.toEqual(requestIn(first).nonce)
    expect(exchange.receive(answerTo(follow, { verified: true }), at(60)).kind).toBe("final")
    expect([exchange.done, exchange.nextSendMs(), exchange.send(at(999))]).toEqual([
      true,
      undefined,
      undefined,
    ])
    expect(exchange.answer?.verdict).toBe("opened")
  })

  test("the same challenge again, or one for an older request, changes nothing", () => {
    const exchange = begin()
    const first = exchange.send(at(0))
    const oneWay = sendsUntil(exchange, 2000).at(-1)?.bytes
    const late = answerTo(first, { verdict: "challenge", challenge: challengeOf(1) })
    expect(exchange.receive(late, at(2100)).kind).toBe("follow-up")
    expect(exchange.receive(late, at(2101)).kind).toBe("ignored")
    const toOneWay = answerTo(oneWay, { verdict: "challenge", challenge: challengeOf(2) })
    expect(exchange.receive(toOneWay, at(2102)).kind).toBe("ignored")
    expect(requestIn(exchange.send(at(2103))).challenge).toEqual(challengeOf(1))
    expect(exchange.receive(answerTo(oneWay, { verified: true }), at(2104)).kind).toBe("final")
  })

  test("a challenge to the follow-up is followed too, but not for ever", () => {
    const exchange = begin({ verb: "probe" })
    let followed = 0
    for (let n = 1; n < 50; n += 1) {
      const sent = exchange.send(at(n * 1000))
      const data = answerTo(sent, { verdict: "challenge", challenge: challengeOf(n) })
      if (exchange.receive(data, at(n * 1000 + 1)).kind === "follow-up") followed += 1
    }
    expect(followed).toBe(8)
  })

  test.each(["opened", "open-failed"] as const)(
    "%s before the listing is provisional: copies go on until it is verified",
    (verdict) => {
      const exchange = begin()
      const first = exchange.send(at(0))
      const challenge = answerTo(first, { verdict: "challenge", challenge: challengeOf(1) })
      expect(exchange.receive(answerTo(first, { verdict }), at(20)).kind).toBe("provisional")
      expect(exchange.done).toBe(false)
      expect(exchange.receive(challenge, at(21)).kind).toBe("ignored")
      const sends = sendsUntil(exchange, 1300)
      expect(sends.map((send) => send.atMs)).toEqual([420, 820, 1220])
      for (const send of sends) expect(send.bytes).toEqual(first)
      const verified = answerTo(first, { verdict, verified: true, stillDropping: 2 })
      expect(exchange.receive(verified, at(1301))).toMatchObject({
        kind: "final",
        answer: { stillDropping: 2 },
      })
    },
  )

  test("the same provisional answer again does not put the copies off", () => {
    const exchange = begin()
    const first = exchange.send(at(0))
    for (let atMs = 20; atMs < 420; atMs += 50)
      expect(exchange.receive(answerTo(first, {}), at(atMs)).kind).toBe("provisional")
    expect(sendsUntil(exchange, 900).map((send) => send.atMs)).toEqual([420, 820])
  })

  test("of two provisional answers the later one is kept, and its request is the one repeated", () => {
    const exchange = begin()
    const first = exchange.send(at(0))
    const oneWay = sendsUntil(exchange, 2000).at(-1)?.bytes
    exchange.receive(answerTo(oneWay, { verdict: "open-failed" }), at(2010))
    expect(exchange.answer?.verdict).toBe("open-failed")
    exchange.receive(answerTo(first, {}), at(2110))
    expect(exchange.answer?.verdict).toBe("opened")
    expect(sendsUntil(exchange, 3000)).toEqual([
      { atMs: 2510, bytes: first },
      { atMs: 2910, bytes: first },
    ])
    const other = answerTo(oneWay, { verdict: "open-failed", verified: true })
    expect(exchange.receive(other, at(3001)).kind).toBe("final")
  })

  test("verdicts and verbs go together as they like", () => {
    const verdicts = ["alive", "dry-run", "nothing-to-do", "refused", "rolled-back", "confirmed"] as const
    for (const verb of ["probe", "reset", "rollback", "confirm"] as const)
      for (const verdict of verdicts) {
        const exchange = begin({ verb })
        expect(exchange.receive(answerTo(exchange.send(at(0)), { verdict }), at(1)).kind).toBe("final")
      }
  })

  test("any answer, even a challenge that leads nowhere, keeps a reset from going one-way", () => {
    const exchange = begin()
    const first = exchange.send(at(0))
    exchange.receive(answerTo(first, {}), at(1900))
    expect(sendsUntil(exchange, 5000).every((send) => !requestIn(send.bytes).oneWay)).toBe(true)
  })

  test("what is not ours is ignored: the kernel's echo, an earlier exchange's answer, another verb, noise", () => {
    const exchange = begin()
    const first = exchange.send(at(0)) as Uint8Array
    const earlier = Uint8Array.from(first)
    earlier[127] = (earlier[127] ?? 0) ^ 1
    const reasons = [
      [first, "tag"],
      [answerTo(first, { requestMac: requestMacOf(earlier) }), "not-our-request"],
      [answerTo(first, { verb: "probe" }), "other-verb"],
      [new Uint8Array(128), "tag"],
      [new Uint8Array(56), "length"],
    ] as const
    for (const [data, reason] of reasons)
      expect(exchange.receive(data, at(10))).toEqual({
        kind: "ignored",
        rejection: { stage: "verify", reason },
      })
    expect([exchange.answer, exchange.done, exchange.stage]).toEqual([undefined, false, "first"])
    expect(sendsUntil(exchange, 2000).at(-1)?.atMs).toBe(2000)
  })
})
