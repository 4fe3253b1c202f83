import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { Decider, type Decision, type KnownSecret } from "../../src/knock/decide.ts"
import type { Instant } from "../../src/knock/freshness.ts"
import { deriveKeys } from "../../src/knock/keys.ts"
import type { Request } from "../../src/knock/request.ts"
import type { Authentic } from "../../src/knock/verify.ts"

const wallStart = 1_700_000_000_000
const answer = new Uint8Array(128)
const secrets: readonly KnownSecret[] = [
  { keys: deriveKeys(new Uint8Array(16).fill(1)), kind: "one-time" },
  { keys: deriveKeys(new Uint8Array(16).fill(2)), kind: "standing" },
]
const secretAt = (index: number): KnownSecret => secrets[index % secrets.length] as KnownSecret

const nonceOf = (n: number): Uint8Array => {
  const nonce = new Uint8Array(16)
  new DataView(nonce.buffer).setUint32(0, n)
  return nonce
}

function knockOf(
  key: KnownSecret,
  request: Partial<Request> & Pick<Request, "nonce" | "clientTimeMs">,
): Authentic<KnownSecret> {
  const whole: Request = {
    verb: "reset",
    oneWay: false,
    hard: false,
    challenge: undefined,
    argument: new Uint8Array(8),
    ...request,
  }
  return { key, request: whole, requestMac: new Uint8Array(32) }
}

function guard(options: { resumed?: boolean; nonceCapacity?: number } = {}): Decider {
  return new Decider({
    challengeKey: new Uint8Array(32).fill(7),
    bornWallMs: wallStart,
    resumed: options.resumed ?? false,
    nonceCapacity: options.nonceCapacity ?? 1000,
  })
}

const at = (bootMs: number): Instant => ({ bootMs, wallMs: wallStart + bootMs })

/** One step of an attacker and an owner who share a wire: something new, or anything that was on it before. */
const steps = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.nat(30), fc.nat(5_000), fc.nat(100_000)),
    wallStepMs: fc.oneof(
      { weight: 5, arbitrary: fc.constant(0) },
      fc.integer({ min: -100_000, max: 100_000 }),
    ),
    what: fc.constantFrom<"new" | "follow-up" | "replay">("new", "follow-up", "replay", "replay"),
    pick: fc.nat(),
    secret: fc.nat(1),
    verb: fc.constantFrom<Request["verb"]>("probe", "reset", "reset", "rollback"),
    oneWay: fc.boolean(),
    hard: fc.boolean(),
    clockMs: fc.integer({ min: -90_000, max: 90_000 }),
  }),
  { minLength: 1, maxLength: 60, size: "max" },
)

describe("what the guard decides", () => {
  test("nothing acts twice, however few nonces it can remember, whatever the clocks do", () => {
    let acted = 0
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 6 }), fc.boolean(), (plan, nonceCapacity, resumed) => {
        const knocks = guard({ nonceCapacity, resumed })
        const wire: Authentic<KnownSecret>[] = []
        const challenged: { knock: Authentic<KnownSecret>; challenge: Uint8Array }[] = []
        const acts = new Set<Authentic<KnownSecret>>()
        let now = at(1000)
        for (const step of plan) {
          now = { bootMs: now.bootMs + step.afterMs, wallMs: now.wallMs + step.afterMs + step.wallStepMs }
          const asked = challenged.at(-1 - (step.pick % 3))
          const fresh = knockOf(secretAt(step.secret), {
            nonce: nonceOf(wire.length),
            clientTimeMs: now.wallMs + step.clockMs,
            oneWay: step.oneWay,
            hard: step.hard,
            verb: step.verb,
          })
          const replayed = wire[step.pick % Math.max(1, wire.length)]
          let knock = fresh
          if (step.what === "replay" && replayed !== undefined) knock = replayed
          else if (step.what === "follow-up" && asked !== undefined)
            knock = {
              ...asked.knock,
              request: {
                ...asked.knock.request,
                nonce: fresh.request.nonce,
                challenge: asked.challenge,
                clientTimeMs: fresh.request.clientTimeMs,
              },
            }
          if (knock !== replayed) wire.push(knock)
          const decision = knocks.decide(knock, now)
          if (decision.action === "challenge") challenged.push({ knock, challenge: decision.challenge })
          if (decision.action === "act" || decision.action === "challenge")
            knocks.answered(knock, answer, now)
          if (decision.action !== "act") continue
          acted += 1
          expect(acts.has(knock)).toBe(false)
          acts.add(knock)
          if (resumed || knock.request.verb === "rollback") expect(decision.road).toBe("challenge")
        }
      }),
      { numRuns: 1500 },
    )
    expect(acted).toBeGreaterThan(3000)
  })

  test("without the one-way flag, nothing acts 31 s after it was made", () => {
    let acted = 0
    let late = 0
    const sends = fc.array(
      fc.record({
        gapMs: fc.nat(40_000),
        heldMs: fc.oneof(fc.nat(500), fc.nat(70_000)),
        probe: fc.boolean(),
      }),
      { minLength: 2, maxLength: 20 },
    )
    fc.assert(
      fc.property(sends, fc.integer({ min: -1e11, max: 1e11 }), (plan, offsetMs) => {
        const knocks = guard()
        type Event = {
          readonly arrivesMs: number
          readonly madeMs: number
          readonly knock: Authentic<KnownSecret>
          readonly followHeldMs: number
        }
        const queue: Event[] = []
        let madeMs = 1000
        for (const [index, send] of plan.entries()) {
          madeMs += send.gapMs + 1
          const knock = knockOf(secretAt(1), {
            nonce: nonceOf(index),
            clientTimeMs: wallStart + offsetMs + madeMs,
            verb: send.probe ? "probe" : "reset",
          })
          queue.push({
            arrivesMs: madeMs + send.heldMs,
            madeMs,
            knock,
            followHeldMs: plan[index - 1]?.heldMs ?? 0,
          })
        }
        for (let nonce = 1000; queue.length > 0; nonce += 1) {
          queue.sort((a, b) => a.arrivesMs - b.arrivesMs)
          const event = queue.shift() as Event
          const decision = knocks.decide(event.knock, at(event.arrivesMs))
          if (decision.action === "act") {
            acted += 1
            expect(event.arrivesMs - event.madeMs).toBeLessThan(31_000)
          } else if (event.arrivesMs - event.madeMs >= 31_000) late += 1
          if (decision.action !== "challenge" || event.knock.request.challenge !== undefined) continue
          const request = {
            ...event.knock.request,
            nonce: nonceOf(nonce),
            challenge: decision.challenge,
            clientTimeMs: wallStart + offsetMs + event.arrivesMs,
          }
          queue.push({
            arrivesMs: event.arrivesMs + event.followHeldMs,
            madeMs: event.arrivesMs,
            knock: { ...event.knock, request },
            followHeldMs: 0,
          })
        }
      }),
      { numRuns: 1000 },
    )
    expect(acted).toBeGreaterThan(1000)
    expect(late).toBeGreaterThan(1000)
  })

  test("a set filled with recorded knocks refuses nobody: a later knock still acts, an earlier one gets a challenge", () => {
    const knocks = guard({ nonceCapacity: 16 })
    for (let n = 0; n < 100; n += 1)
      knocks.decide(knockOf(secretAt(1), { nonce: nonceOf(n), clientTimeMs: wallStart + n }), at(1000 + n))
    const later = knockOf(secretAt(1), { nonce: nonceOf(200), clientTimeMs: wallStart + 2000, oneWay: true })
    expect(knocks.decide(later, at(2000))).toMatchObject({ action: "act", road: "one-way" })
    const earlier = knockOf(secretAt(1), { nonce: nonceOf(201), clientTimeMs: wallStart + 1, oneWay: true })
    const decision = knocks.decide(earlier, at(2001))
    expect(decision).toMatchObject({ action: "challenge", why: "forgotten" })
    expect(knocks.decide(followUp(earlier, decision, 202), at(2002))).toMatchObject({
      action: "act",
      road: "challenge",
    })
  })

  test("one secret's nonces and pins are not another's", () => {
    const knocks = guard()
    const mine = knockOf(secretAt(0), { nonce: nonceOf(1), clientTimeMs: wallStart, oneWay: true })
    const theirs = knockOf(secretAt(1), { nonce: nonceOf(1), clientTimeMs: wallStart + 900, oneWay: true })
    expect(knocks.decide(theirs, at(1000)).action).toBe("act")
    expect(knocks.decide(mine, at(1001)).action).toBe("act")
    const first = knockOf(secretAt(0), { nonce: nonceOf(2), clientTimeMs: wallStart + 2000 })
    const asked = knocks.decide(first, at(2000))
    const borrowed = { ...followUp(first, asked, 3), key: secretAt(1) }
    expect(knocks.decide(borrowed, at(2001))).toMatchObject({ action: "challenge", why: "challenge-forged" })
    expect(knocks.decide(followUp(first, asked, 4), at(2002))).toMatchObject({ action: "act", pinned: true })
    const others = knockOf(secretAt(1), { nonce: nonceOf(5), clientTimeMs: wallStart + 3000 })
    expect(knocks.decide(others, at(3000))).toMatchObject({
      action: "challenge",
      why: "first-request",
      pinned: false,
    })
  })

  test("a client whose clock was set back is pinned anew by one exchange", () => {
    const knocks = guard()
    const exchange = (n: number, clientTimeMs: number, bootMs: number) => {
      const first = knockOf(secretAt(1), { nonce: nonceOf(n), clientTimeMs, verb: "probe" })
      const asked = knocks.decide(first, at(bootMs))
      expect(asked.action).toBe("challenge")
      expect(knocks.decide(followUp(first, asked, n + 1), at(bootMs + 1)).action).toBe("act")
    }
    exchange(10, wallStart, 1000)
    exchange(20, wallStart - 3_600_000, 2000)
    const reset = knockOf(secretAt(1), { nonce: nonceOf(30), clientTimeMs: wallStart - 3_598_000 })
    expect(knocks.decide(reset, at(4000))).toMatchObject({ action: "act", road: "pin" })
  })

  test("while an answer is being made, copies are ignored; then the newest answer is repeated", () => {
    const knocks = guard()
    const knock = knockOf(secretAt(0), { nonce: nonceOf(1), clientTimeMs: 0, oneWay: true })
    expect(knocks.decide(knock, at(0)).action).toBe("act")
    expect(knocks.decide(knock, at(500))).toMatchObject({
      action: "ignore",
      rejection: { reason: "answer-pending" },
    })
    knocks.answered(knock, answer, at(510))
    expect(knocks.decide(knock, at(529))).toMatchObject({ rejection: { reason: "repeated-too-soon" } })
    knocks.answered(knock, answer.slice().fill(1), at(530))
    expect(knocks.decide(knock, at(549)).action).toBe("ignore")
    expect(knocks.decide(knock, at(550))).toEqual({ action: "repeat", answer: answer.slice().fill(1) })
    expect(knocks.decide(knock, at(569)).action).toBe("ignore")
  })
})

function followUp(first: Authentic<KnownSecret>, decision: Decision, nonce: number): Authentic<KnownSecret> {
  if (decision.action !== "challenge") throw new Error(`no challenge but ${decision.action}`)
  return { ...first, request: { ...first.request, nonce: nonceOf(nonce), challenge: decision.challenge } }
}
