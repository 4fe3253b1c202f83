import { describe, expect, test } from "vitest"
import { Challenges } from "../../src/knock/challenge.ts"
import { type Carrier, ReplayCache, type Turn } from "../../src/knock/replay-cache.ts"

const nonceOf = (n: number): Uint8Array => {
  const nonce = new Uint8Array(16)
  new DataView(nonce.buffer).setUint32(4, n)
  return nonce
}

/** How many of the nonces 0 to `count` are remembered. */
const seen = (nonces: ReplayCache, id: string, count: number): number =>
  Array.from({ length: count }, (_, n) => nonces.seen(id, nonceOf(n))).filter(Boolean).length

describe("nonces", () => {
  test("are remembered up to the capacity, the oldest forgotten first and marked by its time", () => {
    const nonces = new ReplayCache(3)
    for (const [n, time] of [50, 70, 60].entries()) nonces.record("a", nonceOf(n), time)
    expect([seen(nonces, "a", 5), nonces.forgottenUpTo("a")]).toEqual([3, -1])
    nonces.record("b", nonceOf(0), 10)
    expect([nonces.seen("a", nonceOf(0)), nonces.seen("b", nonceOf(0))]).toEqual([false, true])
    expect([nonces.forgottenUpTo("a"), nonces.forgottenUpTo("b")]).toEqual([50, -1])
    nonces.record("b", nonceOf(1), 11)
    nonces.record("b", nonceOf(2), 12)
    expect(nonces.forgottenUpTo("a")).toBe(70)
    expect([seen(nonces, "a", 5), seen(nonces, "b", 5)]).toEqual([0, 3])
  })

  test("an answer for a nonce that was forgotten meanwhile goes nowhere", () => {
    const nonces = new ReplayCache(1)
    nonces.record("a", nonceOf(0), 1)
    nonces.record("a", nonceOf(1), 2)
    nonces.attach("a", nonceOf(0), new Uint8Array(128).fill(9), 5)
    expect(nonces.repeat("a", nonceOf(1), 100)).toEqual({ kind: "pending" })
    nonces.attach("a", nonceOf(1), new Uint8Array(128).fill(3), 100)
    expect(nonces.repeat("a", nonceOf(1), 120)).toEqual({
      kind: "answer",
      answer: new Uint8Array(128).fill(3),
    })
  })

  test("a slot used again has no answer of the one before", () => {
    const nonces = new ReplayCache(1)
    nonces.record("a", nonceOf(0), 1)
    nonces.attach("a", nonceOf(0), new Uint8Array(128).fill(9), 0)
    nonces.record("a", nonceOf(1), 2)
    expect(nonces.repeat("a", nonceOf(1), 1000)).toEqual({ kind: "pending" })
  })

  test("copies from elsewhere, however many, leave the pace of the first flow alone", () => {
    const nonces = new ReplayCache(1)
    nonces.record("a", nonceOf(0), 1)
    expect(nonces.repeat("a", nonceOf(0), 1, { carrier: "echo", flow: "other" })).toEqual({ kind: "pending" })
    nonces.attach("a", nonceOf(0), new Uint8Array(128).fill(9), 100)
    const kinds = (flow: "first" | "other", at: number): string =>
      nonces.repeat("a", nonceOf(0), at, { carrier: "echo", flow }).kind
    expect(kinds("other", 110)).toBe("answer")
    expect(kinds("first", 119)).toBe("too-soon")
    expect(kinds("other", 129)).toBe("too-soon")
    expect(kinds("first", 120)).toBe("answer")
    expect(kinds("other", 130)).toBe("answer")
  })

  test("each carrier has turns of its own, and the answer was given in that of the first copy", () => {
    const nonces = new ReplayCache(2)
    const turn = (carrier: Carrier, flow: "first" | "other" = "first"): Turn => ({ carrier, flow })
    nonces.record("a", nonceOf(0), 1, turn("syn"))
    nonces.attach("a", nonceOf(0), new Uint8Array(128).fill(9), 100)
    const kind = (at: number, one: Turn): string => nonces.repeat("a", nonceOf(0), at, one).kind
    expect(kind(119, turn("syn"))).toBe("too-soon")
    for (const other of [turn("syn", "other"), turn("established"), turn("echo"), turn("echo", "other")]) {
      expect(kind(101, other)).toBe("answer")
      expect(kind(120, other)).toBe("too-soon")
    }
    expect(kind(120, turn("syn"))).toBe("answer")
  })

  test("take bounded memory however many knocks there were", () => {
    const nonces = new ReplayCache()
    const capacity = 65_536
    const answer = new Uint8Array(128).fill(1)
    const id = "be7d5e39743cbcb2"
    const fill = (from: number, count: number): number => {
      for (let n = from; n < from + count; n += 1) {
        nonces.record(id, nonceOf(n), n)
        nonces.attach(id, nonceOf(n), answer, n)
      }
      return process.memoryUsage().rss
    }
    const full = fill(0, 2 * capacity)
    const after = fill(2 * capacity, 4 * capacity)
    expect(seen(nonces, id, 6 * capacity)).toBe(capacity)
    expect(after - full).toBeLessThan(40 * 1024 * 1024)
    expect(nonces.forgottenUpTo(id)).toBe(5 * capacity - 1)
  })
})

describe("challenges", () => {
  const subject = {
    id: "be7d5e39743cbcb2",
    request: { verb: "reset", hard: false, argument: new Uint8Array(8) },
  } as const
  const key = new Uint8Array(32).fill(5)

  test("issuing remembers nothing: another instance with the same key redeems it", () => {
    const challenge = new Challenges(key).issue(subject, nonceOf(1), 1000)
    expect(new Challenges(key).redeem(subject, challenge, 2000)).toEqual({ ok: true, issuedMs: 0 })
    expect(new Challenges(key.map((byte) => byte + 1)).redeem(subject, challenge, 2000).ok).toBe(false)
  })

  test("never claims to have been issued later than it was, nor more than a second earlier", () => {
    const challenges = new Challenges(key)
    for (const bootMs of [1001, 1999, 2000, 2001, 86_400_250]) {
      const redeemed = challenges.redeem(
        subject,
        challenges.issue(subject, nonceOf(bootMs), bootMs),
        bootMs + 10,
      )
      if (!redeemed.ok) throw new Error(redeemed.reason)
      expect(redeemed.issuedMs).toBeLessThanOrEqual(bootMs)
      expect(redeemed.issuedMs).toBeGreaterThanOrEqual(bootMs - 1000)
    }
  })

  test("none is good twice, however few can be remembered", () => {
    const challenges = new Challenges(key, 2)
    const issued = Array.from({ length: 10 }, (_, n) => challenges.issue(subject, nonceOf(n), n * 1000))
    const redeem = (n: number, bootMs: number) => {
      const redeemed = challenges.redeem(subject, issued[n] as Uint8Array, bootMs)
      return redeemed.ok ? "ok" : redeemed.reason
    }
    for (const n of [4, 5, 6, 7]) expect(redeem(n, 10_000)).toBe("ok")
    for (const n of [4, 5, 6, 7]) expect(redeem(n, 10_001)).toBe("challenge-used")
    // Expires with or before one that had to be forgotten: it might have been that one.
    expect(redeem(3, 10_002)).toBe("challenge-used")
    expect(redeem(8, 10_003)).toBe("ok")
    for (const n of [4, 5, 6, 7, 8]) expect(redeem(n, 10_004)).toBe("challenge-used")
    expect(redeem(9, 39_000)).toBe("challenge-expired")
  })
})
