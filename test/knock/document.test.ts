import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { type Answer, encodeAnswer } from "../../src/knock/answer.ts"
import { Challenges } from "../../src/knock/challenge.ts"
import { deriveKeys } from "../../src/knock/keys.ts"
import { encodeRequest, type Request, requestMacOf } from "../../src/knock/request.ts"
import { formatSecret, parseSecret } from "../../src/secrets/secret.ts"
import { fromHex } from "./vector-files.ts"

const source = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")
const document = source("native-notes/knock-protocol.md")

/** The worked examples in their order: a title, and what stands under it without white space. */
const examples = /examples: begin -->\n```\n([^`]*)```/
  .exec(document)?.[1]
  ?.split(/^(?! )/m)
  .map((part) => ({
    title: part.split("\n")[0] ?? "",
    content: part.split("\n").slice(1).join("").replace(/\s/g, ""),
  }))

function example(title: RegExp): { readonly title: string; readonly content: string } {
  const found = examples?.filter((each) => title.test(each.title)) ?? []
  if (found.length !== 1 || found[0] === undefined)
    throw new Error(`${found.length} examples are called ${title}`)
  return found[0]
}

const parsed = parseSecret(example(/^secret$/).content)
const secret = parsed.ok ? parsed.secret : new Uint8Array()
const keys = deriveKeys(secret)
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** Makes the request that a title describes, and expects the bytes under it. */
function makeRequest(title: RegExp, fields: Partial<Request>): { request: Request; bytes: Uint8Array } {
  const shown = example(title)
  const [, time, nonce] = /client time (\d+), nonce ([0-9a-f]{32})$/.exec(shown.title) ?? []
  const request: Request = {
    verb: "reset",
    oneWay: false,
    hard: false,
    clientTimeMs: Number(time),
    nonce: fromHex(nonce ?? ""),
    challenge: undefined,
    argument: new Uint8Array(8),
    ...fields,
  }
  const bytes = encodeRequest(keys, request)
  expect(hex(bytes)).toBe(shown.content)
  return { request, bytes }
}

function expectAnswer(
  title: RegExp,
  to: Uint8Array,
  fields: Partial<Answer> & Pick<Answer, "verb" | "verdict">,
): void {
  const shown = example(title)
  const time = Number(/server time (\d+)$/.exec(shown.title)?.[1])
  const answer: Answer = {
    verified: false,
    pinned: true,
    stillDropping: 0,
    reLocks: 0,
    secondsLeft: 900,
    serverTimeMs: time,
    challenge: undefined,
    requestMac: requestMacOf(to),
    ...fields,
  }
  expect(hex(encodeAnswer(keys, answer))).toBe(shown.content)
}

describe("the protocol's document", () => {
  test("shows the secret and the keys that the code makes", () => {
    expect(hex(secret)).toBe(example(/^secret bytes$/).content)
    expect(formatSecret(secret)).toBe(example(/^secret$/).content)
    expect(hex(keys.requestTag)).toBe(example(/^request tag$/).content)
    expect(hex(keys.answerTag)).toBe(example(/^answer tag$/).content)
    expect(hex(keys.screenKey)).toBe(example(/^screen key$/).content)
    expect(hex(keys.requestKey)).toBe(example(/^request key$/).content)
    expect(hex(keys.answerKey)).toBe(example(/^answer key$/).content)
  })

  test("shows the messages that the code makes", () => {
    const key = createHash("sha256").update("the key that was born with this guard").digest()
    const probe = makeRequest(/^a probe/, { verb: "probe" })
    const challenge = new Challenges(key).issue(
      { id: keys.id, request: probe.request },
      probe.request.nonce,
      86_400_250,
    )
    expectAnswer(/: challenge, 1500 s left/, probe.bytes, {
      verb: "probe",
      verdict: "challenge",
      pinned: false,
      secondsLeft: 1500,
      challenge,
    })
    const follow = makeRequest(/^the follow-up/, { verb: "probe", challenge })
    expectAnswer(/: alive, pinned, 1500 s/, follow.bytes, {
      verb: "probe",
      verdict: "alive",
      secondsLeft: 1500,
    })
    const reset = makeRequest(/^ten minutes later a reset/, {})
    expectAnswer(/at once: opened, pinned, 900 s/, reset.bytes, { verb: "reset", verdict: "opened" })
    const verified = { verb: "reset", verdict: "opened", verified: true, stillDropping: 1 } as const
    const obstacles = { seen: ["routing"], complete: true } as const
    expectAnswer(/second answer: .*, routing seen, 1 still/, reset.bytes, { ...verified, obstacles })
    expectAnswer(/without obstacles: opened, verified, pinned, 1 still/, reset.bytes, verified)
    const open = { verb: "reset", verified: true } as const
    expectAnswer(/nothing to change, its second answer/, reset.bytes, { ...open, verdict: "open-already" })
    expectAnswer(/for the first clients: opened, verified/, reset.bytes, { ...open, verdict: "opened" })
    makeRequest(/^a reset with the one-way flag/, { oneWay: true })
    expect(examples).toHaveLength(18)
  })

  test.each(["request", "answer", "challenge"])("draws the %s as the code does", (name) => {
    const drawn = source(`src/knock/${name}.ts`)
      .split("\n")
      .filter((line) => /^ \* {5}([+| ]|$)/.test(line))
      .map((line) => line.slice(7))
    const picture = drawn.slice(0, drawn.findLastIndex((line) => line.startsWith("+-")) + 1).join("\n")
    expect(picture.length).toBeGreaterThan(500)
    expect(document).toContain(picture)
  })
})
