import { spawnSync } from "node:child_process"
import { describe, expect, test } from "vitest"
import { type Answer, encodeAnswer, type ObstacleKind } from "../../src/knock/answer.ts"
import { Decider } from "../../src/knock/decide.ts"
import { Exchange } from "../../src/knock/exchange.ts"
import { deriveKeys, type KnockKeys } from "../../src/knock/keys.ts"
import { decodeRequest, encodeRequest, type Request } from "../../src/knock/request.ts"
import { createScreen } from "../../src/knock/screen.ts"
import { createVerifier } from "../../src/knock/verify.ts"
import { formatSecret, parseSecret } from "../../src/secrets/secret.ts"
import type { Decoded } from "../../src/wire/decoded.ts"
import { fromHex, header, type Vector, type VectorBlock, vectorFolder, vectorsOf } from "./vector-files.ts"

const secretOf = (text: string): Uint8Array => {
  const parsed = parseSecret(text)
  if (!parsed.ok) throw new Error(parsed.problem.message)
  return parsed.secret
}
const keysOf = (vector: Vector): KnockKeys => deriveKeys(secretOf(header(vector, "secret")))
const flagsOf = (block: VectorBlock): string[] => header(block, "flags").split(" ")

test("the vectors are what their generator writes", ({ skip }) => {
  if (spawnSync("python3", ["--version"]).status !== 0) skip("no python3 to run generate.py with")
  const result = spawnSync("python3", [`${vectorFolder}generate.py`, "--check"], { encoding: "utf8" })
  expect(result.stderr).toBe("")
  expect(result.status).toBe(0)
})

describe("secrets", () => {
  test.each(vectorsOf("secret"))("$name", (vector) => {
    const parsed = parseSecret(header(vector, "text"))
    if (!parsed.ok) return expect(`reject ${parsed.problem.mistake}`).toBe(header(vector, "expect"))
    expect(header(vector, "expect")).toBe("accept")
    expect(parsed.secret).toEqual(fromHex(header(vector, "bytes")))
    expect(secretOf(formatSecret(parsed.secret))).toEqual(parsed.secret)
  })
})

describe("requests: the screen, then the guard", () => {
  test.each(vectorsOf("request"))("$name", (vector) => {
    const keys = keysOf(vector)
    const screened = createScreen([keys]).check(vector.bytes)
    const verified = createVerifier([{ keys }])(vector.bytes)
    // The guard repeats the screen's checks: what the listener refused, it refuses for the same reason.
    if (!screened.ok)
      expect(verified.ok ? "accept" : `reject ${verified.rejection.reason}`).toBe(outcomeOf(screened))
    expect(outcomeOf(verified)).toBe(header(vector, "expect"))
    if (!verified.ok) return
    const request = verified.value.request
    expect(request).toEqual(requestIn(vector))
    expect(encodeRequest(keys, request)).toEqual(vector.bytes)
  })
})

describe("answers: the client that sent the request", () => {
  test.each(vectorsOf("answer"))("$name", (vector) => {
    const keys = keysOf(vector)
    const asked = fromHex(header(vector, "request"))
    const exchange = exchangeThatSent(keys, asked)
    const received = exchange.receive(vector.bytes, { bootMs: 10, wallMs: 0 })
    if (received.kind === "ignored")
      return expect(`reject ${received.rejection.reason}`).toBe(header(vector, "expect"))
    expect(header(vector, "expect")).toBe("accept")
    const { answer } = received
    expect(answer).toEqual({
      verb: header(vector, "verb"),
      verdict: header(vector, "verdict"),
      verified: flagsOf(vector).includes("verified"),
      pinned: flagsOf(vector).includes("pinned"),
      stillDropping: Number(header(vector, "dropping")),
      reLocks: Number(header(vector, "relocks")),
      secondsLeft: Number(header(vector, "left")),
      serverTimeMs: Number(header(vector, "time")),
      challenge: vector.headers.has("challenge") ? fromHex(header(vector, "challenge")) : undefined,
      ...obstaclesOf(vector),
      requestMac: asked.slice(96),
    })
    expect(encodeAnswer(keys, answer)).toEqual(vector.bytes)
  })
})

/** The flags of obstacles that a vector names; nothing where it names none. */
function obstaclesOf(vector: Parameters<typeof flagsOf>[0]): Pick<Answer, "obstacles"> {
  const named = flagsOf(vector).filter((flag) => !["none", "verified", "pinned"].includes(flag))
  if (named.length === 0) return {}
  const seen = named.filter((flag) => flag !== "complete") as ObstacleKind[]
  return { obstacles: { seen, complete: named.includes("complete") } }
}

describe("the guard: a session's knocks in their order", () => {
  test.each(vectorsOf("guard"))("$name", (vector) => {
    const kind = header(vector, "kind") === "standing" ? "standing" : "one-time"
    const verify = createVerifier([{ keys: keysOf(vector), kind } as const])
    const knocks = new Decider({
      challengeKey: fromHex(header(vector, "challenge-key")),
      bornWallMs: Number(header(vector, "born")),
      resumed: header(vector, "resumed") === "yes",
      nonceCapacity: Number(header(vector, "capacity")),
    })
    const answers = new Map<string, Uint8Array>()
    expect(vector.blocks.length).toBeGreaterThan(1)
    for (const block of vector.blocks) {
      const knock = verify(block.bytes)
      if (!knock.ok) throw new Error(`the vector's knock is not authentic: ${knock.rejection.reason}`)
      const now = { bootMs: Number(header(block, "boot")), wallMs: Number(header(block, "wall")) }
      const decision = knocks.decide(knock.value, now)
      const nonce = Buffer.from(knock.value.request.nonce).toString("hex")
      if (decision.action === "ignore") {
        expect(`ignore ${decision.rejection.reason}`).toBe(header(block, "expect"))
      } else if (decision.action === "repeat") {
        expect("repeat").toBe(header(block, "expect"))
        expect(decision.answer).toEqual(answers.get(nonce))
      } else {
        const said = decision.action === "act" ? `act ${decision.road}` : `challenge ${decision.why}`
        expect(said).toBe(header(block, "expect"))
        if (decision.action === "challenge" && block.headers.has("challenge"))
          expect(decision.challenge).toEqual(fromHex(header(block, "challenge")))
        const answer = Uint8Array.from({ length: 128 }, (_, i) => (i + answers.size) % 256)
        answers.set(nonce, answer)
        knocks.answered(knock.value, answer, now)
      }
    }
  })
})

function outcomeOf(result: Decoded<unknown>): string {
  return result.ok ? "accept" : `reject ${result.rejection.reason}`
}

function requestIn(vector: Vector): Request {
  return {
    verb: header(vector, "verb") as Request["verb"],
    oneWay: flagsOf(vector).includes("one-way"),
    hard: flagsOf(vector).includes("hard"),
    clientTimeMs: Number(header(vector, "time")),
    nonce: fromHex(header(vector, "nonce")),
    challenge: vector.headers.has("challenge") ? fromHex(header(vector, "challenge")) : undefined,
    argument: new Uint8Array(8),
  }
}

/** A client whose first request is `asked`, byte for byte. */
function exchangeThatSent(keys: KnockKeys, asked: Uint8Array): Exchange {
  const request = decodeRequest(asked)
  if (!request.ok) throw new Error(`the vector's request: ${request.rejection.reason}`)
  const { verb, hard, oneWay, nonce, clientTimeMs } = request.value
  const now = { bootMs: 0, wallMs: clientTimeMs }
  const exchange = new Exchange({ keys, verb, hard, oneWay, random: () => nonce }, now)
  expect(exchange.send(now)).toEqual(asked)
  return exchange
}
