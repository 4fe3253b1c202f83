import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  type Answer,
  decodeAnswer,
  encodeAnswer,
  forFirstClients,
  type ObstacleKind,
  type SeenObstacles,
  type Verdict,
} from "../../src/knock/answer.ts"
import { deriveKeys } from "../../src/knock/keys.ts"
import { decodeRequest, encodeRequest, type Request, requestMacOf } from "../../src/knock/request.ts"
import { createScreen } from "../../src/knock/screen.ts"
import { type Verb, verbNames } from "../../src/knock/verbs.ts"
import { createVerifier } from "../../src/knock/verify.ts"

const keys = deriveKeys(Uint8Array.from({ length: 16 }, (_, i) => i))
const others = Array.from({ length: 20 }, (_, i) => deriveKeys(new Uint8Array(16).fill(i + 100)))
const screen = createScreen([...others, keys])
const verify = createVerifier([...others, keys].map((each) => ({ keys: each })))

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const challenges = fc.option(
  bytes(36).filter((challenge) => challenge.some((byte) => byte !== 0)),
  { nil: undefined },
)
const requests: fc.Arbitrary<Request> = fc.record({
  verb: fc.constantFrom<Verb>(...verbNames),
  oneWay: fc.boolean(),
  hard: fc.boolean(),
  clientTimeMs: fc.maxSafeNat(),
  nonce: bytes(16),
  challenge: challenges,
  argument: fc.constant(new Uint8Array(8)),
})
const obstacleKinds: ObstacleKind[] = [
  "routing",
  "port-translation",
  "xdp",
  "traffic-control",
  "reverse-path",
]
const saysSomething = ({ seen, complete }: SeenObstacles): boolean => complete || seen.length > 0
const answers: fc.Arbitrary<Answer> = fc
  .record({
    verb: fc.constantFrom<Verb>(...verbNames),
    verdict: fc.constantFrom<Verdict>(
      "alive",
      "opened",
      "dry-run",
      "open-failed",
      "refused",
      "rolled-back",
      "confirmed",
      "open-already",
    ),
    verified: fc.boolean(),
    pinned: fc.boolean(),
    stillDropping: fc.nat(0xffff),
    reLocks: fc.nat(0xffff),
    secondsLeft: fc.nat(0xffff_ffff),
    serverTimeMs: fc.maxSafeNat(),
    challenge: challenges,
    requestMac: bytes(32),
    obstacles: fc.option(
      fc.record({ seen: fc.subarray(obstacleKinds), complete: fc.boolean() }).filter(saysSomething),
      { nil: undefined },
    ),
  })
  .map(({ obstacles, ...answer }) => {
    const verdict = answer.challenge === undefined ? answer.verdict : "challenge"
    const tells = obstacles !== undefined && answer.verified && /^open/.test(verdict)
    return { ...answer, verdict, ...(tells ? { obstacles } : {}) }
  })

function flipped(message: Uint8Array, bit: number): Uint8Array {
  const changed = Uint8Array.from(message)
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7))
  return changed
}

describe("requests", () => {
  test("what is written passes screen and guard, and reads back the same", () => {
    fc.assert(
      fc.property(requests, (request) => {
        const message = encodeRequest(keys, request)
        expect(message).toHaveLength(128)
        expect(screen.check(message)).toEqual({ ok: true, value: keys.id })
        const verified = verify(message)
        expect(verified).toEqual({
          ok: true,
          value: { key: { keys }, request, requestMac: message.slice(96) },
        })
        if (verified.ok) expect(encodeRequest(keys, verified.value.request)).toEqual(message)
      }),
    )
  })

  test("every flipped bit is rejected by the guard, and by the screen but for the request MAC", () => {
    fc.assert(
      fc.property(requests, (request) => {
        const message = encodeRequest(keys, request)
        for (let bit = 0; bit < 1024; bit += 1) {
          const changed = flipped(message, bit)
          expect(verify(changed).ok, `bit ${bit}`).toBe(false)
          expect(screen.check(changed).ok, `bit ${bit}`).toBe(bit >= 768)
        }
      }),
      { numRuns: 10 },
    )
  })

  test("no other length is a request", () => {
    const message = encodeRequest(keys, {
      verb: "reset",
      oneWay: true,
      hard: false,
      clientTimeMs: 1,
      nonce: new Uint8Array(16),
    })
    const longer = new Uint8Array(2048)
    longer.set(message)
    for (const length of [...Array(300).keys(), 1472, 2048].filter((each) => each !== 128)) {
      expect(screen.check(longer.subarray(0, length))).toMatchObject({ rejection: { reason: "length" } })
      expect(verify(longer.subarray(0, length))).toMatchObject({ rejection: { reason: "length" } })
    }
    expect(verify(longer.subarray(0, 128)).ok).toBe(true)
  })

  test("any bytes at all are rejected and never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes(128), bytes(120), (any, right, tagged) => {
        const withTag = Uint8Array.from([...keys.requestTag, ...tagged])
        for (const data of [any, right, withTag]) {
          expect(screen.check(data).ok).toBe(false)
          expect(verify(data).ok).toBe(false)
          decodeRequest(data)
        }
      }),
    )
  })

  test("what is read does not change when the packet's buffer does", () => {
    const buffer = Buffer.from(
      encodeRequest(keys, {
        verb: "reset",
        oneWay: false,
        hard: false,
        clientTimeMs: 7,
        nonce: new Uint8Array(16).fill(9),
      }),
    )
    const verified = verify(buffer)
    const before = structuredClone(verified)
    buffer.fill(0)
    expect(verified).toEqual(before)
  })

  test("the screen key makes no knock", () => {
    const message = encodeRequest(
      { ...keys, requestKey: keys.screenKey },
      { verb: "reset", oneWay: true, hard: false, clientTimeMs: 1, nonce: new Uint8Array(16) },
    )
    expect(screen.check(message).ok).toBe(true)
    expect(verify(message)).toMatchObject({ ok: false, rejection: { reason: "request-mac" } })
  })
})

describe("answers", () => {
  test("what is written reads back the same, and re-encodes to the same bytes", () => {
    fc.assert(
      fc.property(answers, (answer) => {
        const message = encodeAnswer(keys, answer)
        expect(message).toHaveLength(128)
        expect(decodeAnswer(keys, message)).toEqual({ ok: true, value: answer })
      }),
    )
  })

  test("that the first clients do not know comes a second time as they do, and is the same otherwise", () => {
    let told = 0
    fc.assert(
      fc.property(answers, (answer) => {
        const { obstacles, ...rest } = answer
        const isLater = answer.verdict === "open-already"
        const first = forFirstClients(keys, encodeAnswer(keys, answer))
        const isKnown = obstacles === undefined && !isLater
        if (!isKnown) told += 1
        const asOpened = encodeAnswer(keys, isLater ? { ...rest, verdict: "opened" } : rest)
        expect(first).toEqual(isKnown ? undefined : asOpened)
      }),
      { numRuns: 1000 },
    )
    expect(told).toBeGreaterThan(10)
    const obstacles = { seen: [], complete: true }
    const [answer = undefined] = fc.sample(answers, 1)
    for (const wrong of [
      { verdict: "alive", verified: true },
      { verdict: "opened", verified: false },
    ] as const)
      expect(() =>
        encodeAnswer(keys, { ...(answer as Answer), ...wrong, challenge: undefined, obstacles }),
      ).toThrow(RangeError)
  })

  test("every flipped bit is rejected", () => {
    fc.assert(
      fc.property(answers, (answer) => {
        const message = encodeAnswer(keys, answer)
        for (let bit = 0; bit < 1024; bit += 1)
          expect(decodeAnswer(keys, flipped(message, bit)).ok, `bit ${bit}`).toBe(false)
      }),
      { numRuns: 10 },
    )
  })

  test("any bytes at all, any length, a request, and another secret's answer are rejected and never throw", () => {
    fc.assert(
      fc.property(
        answers,
        requests,
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(300),
        (answer, request, any, cut) => {
          const message = encodeAnswer(keys, answer)
          const longer = Uint8Array.from([...message, ...message, ...message])
          expect(decodeAnswer(keys, any).ok).toBe(false)
          expect(decodeAnswer(keys, longer.subarray(0, cut)).ok).toBe(cut === 128)
          expect(decodeAnswer(keys, encodeRequest(keys, request)).ok).toBe(false)
          expect(decodeAnswer(deriveKeys(new Uint8Array(16)), message).ok).toBe(false)
        },
      ),
    )
  })

  test("counts and seconds that do not fit are the most that does", () => {
    const message = encodeAnswer(keys, {
      verb: "reset",
      verdict: "opened",
      verified: true,
      pinned: false,
      stillDropping: 70_000,
      reLocks: 1e9,
      secondsLeft: 12.2,
      serverTimeMs: 0,
      challenge: undefined,
      requestMac: requestMacOf(new Uint8Array(128)),
    })
    expect(decodeAnswer(keys, message)).toMatchObject({
      value: { stillDropping: 65_535, reLocks: 65_535, secondsLeft: 13 },
    })
  })
})
