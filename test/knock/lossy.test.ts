import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import { encodeAnswer } from "../../src/knock/answer.ts"
import { Decider } from "../../src/knock/decide.ts"
import { Exchange } from "../../src/knock/exchange.ts"
import type { Instant, SecretKind } from "../../src/knock/freshness.ts"
import { deriveKeys } from "../../src/knock/keys.ts"
import { createScreen } from "../../src/knock/screen.ts"
import type { Verb } from "../../src/knock/verbs.ts"
import { createVerifier } from "../../src/knock/verify.ts"

/** A wire between a client and a guard, in virtual time. Probabilities 0..1, times in milliseconds. */
interface Wire {
  readonly lossThere: number
  readonly lossBack: number
  readonly duplicated: number
  readonly delayMs: number
  readonly jitterMs: number
}

interface Ended {
  readonly doneMs: number | undefined
  readonly actsOfOneNonce: number
  readonly acts: number
  readonly packets: number
}

const keys = deriveKeys(new Uint8Array(16).fill(9))
const screen = createScreen([keys])
const waitMs = 10_000

/** Seeded uniform numbers in [0, 1): the failing seed is in the test's message. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

class Simulation {
  readonly #wire: Wire
  readonly #random: () => number
  readonly #clientClockMs: number
  readonly #decider: Decider
  readonly #verify
  readonly #events: { readonly atMs: number; readonly run: () => void }[] = []
  readonly #acts = new Map<string, number>()
  #nowMs = 1000
  #made = 0

  constructor(seed: number, wire: Wire, kind: SecretKind, clientClockMs: number) {
    this.#wire = wire
    this.#random = randomOf(seed)
    this.#clientClockMs = clientClockMs
    this.#verify = createVerifier([{ keys, kind }])
    this.#decider = new Decider({
      challengeKey: new Uint8Array(32).fill(1),
      bornWallMs: 1_700_000_000_000,
      resumed: false,
    })
  }

  /** One `fw-knock`; `lose` makes its wire worse. */
  knock(verb: Verb, lose: Partial<Wire> = {}): Ended {
    const wire = { ...this.#wire, ...lose }
    const startedMs = this.#nowMs
    this.#acts.clear()
    const random = (length: number): Uint8Array => {
      this.#made += 1
      return new Uint8Array(createHash("sha256").update(`${this.#made}`).digest().subarray(0, length))
    }
    const exchange = new Exchange({ keys, verb, hard: false, oneWay: false, random }, this.#client())
    let doneMs: number | undefined
    let packets = 0
    const receive = (data: Uint8Array): void => {
      if (exchange.receive(data, this.#client()).kind === "final") doneMs = this.#nowMs - startedMs
    }
    while (!exchange.done) {
      const next = this.#events.reduce(
        (soonest, event) => Math.min(soonest, event.atMs),
        exchange.nextSendMs() ?? Infinity,
      )
      if (next > startedMs + waitMs) break
      this.#nowMs = Math.max(this.#nowMs, next)
      const request = exchange.send(this.#client())
      if (request !== undefined) {
        packets += 1
        this.#travel(wire, wire.lossThere, () =>
          this.#hear(request, (answer) => this.#travel(wire, wire.lossBack, () => receive(answer))),
        )
      }
      const due = this.#events.filter((event) => event.atMs <= this.#nowMs)
      for (const event of due) {
        this.#events.splice(this.#events.indexOf(event), 1)
        event.run()
      }
    }
    const counts = [...this.#acts.values()]
    this.#nowMs += 1000
    const acts = counts.reduce((sum, count) => sum + count, 0)
    return { doneMs, actsOfOneNonce: Math.max(0, ...counts), acts, packets }
  }

  #hear(data: Uint8Array, reply: (answer: Uint8Array) => void): void {
    expect(screen.check(data).ok).toBe(true)
    const knock = this.#verify(data)
    if (!knock.ok) throw new Error(knock.rejection.reason)
    const decision = this.#decider.decide(knock.value, this.#server())
    if (decision.action === "ignore") return
    if (decision.action === "repeat") return reply(decision.answer)
    const { verb, nonce } = knock.value.request
    const answer = (verified: boolean): void => {
      const bytes = encodeAnswer(keys, {
        verb,
        verdict: decision.action === "challenge" ? "challenge" : verb === "reset" ? "opened" : "alive",
        verified,
        pinned: decision.pinned,
        stillDropping: 0,
        reLocks: 0,
        secondsLeft: 1,
        serverTimeMs: this.#server().wallMs,
        challenge: decision.action === "challenge" ? decision.challenge : undefined,
        requestMac: knock.value.requestMac,
      })
      this.#decider.answered(knock.value, bytes, this.#server())
      reply(bytes)
    }
    answer(false)
    if (decision.action !== "act") return
    const name = Buffer.from(nonce).toString("hex")
    this.#acts.set(name, (this.#acts.get(name) ?? 0) + 1)
    if (verb === "reset") this.#events.push({ atMs: this.#nowMs + 12, run: () => answer(true) })
  }

  #travel(wire: Wire, loss: number, arrive: () => void): void {
    const copies = this.#random() < wire.duplicated ? 2 : 1
    for (let copy = 0; copy < copies; copy += 1)
      if (this.#random() >= loss)
        this.#events.push({ atMs: this.#nowMs + wire.delayMs + this.#random() * wire.jitterMs, run: arrive })
  }

  #client(): Instant {
    return { bootMs: this.#nowMs, wallMs: this.#server().wallMs + this.#clientClockMs }
  }

  #server(): Instant {
    return { bootMs: this.#nowMs, wallMs: 1_700_000_000_000 + Math.floor(this.#nowMs) }
  }
}

const clean: Wire = { lossThere: 0, lossBack: 0, duplicated: 0, delayMs: 5, jitterMs: 0 }
const tenYearsMs = 315_576_000_000

describe("a client and a guard over a bad wire", () => {
  test.each([
    ["half of the packets lost each way", { ...clean, lossThere: 0.5, lossBack: 0.5 }],
    ["300 ms delay each way", { ...clean, delayMs: 300 }],
    ["duplicates, and reordering by up to 200 ms", { ...clean, duplicated: 0.5, jitterMs: 200 }],
    [
      "all of it, a third lost",
      { lossThere: 0.33, lossBack: 0.33, duplicated: 0.3, delayMs: 150, jitterMs: 300 },
    ],
  ])("%s: at least 99 of 100 are answered within 10 s, and no nonce acts twice", (_, wire) => {
    const ends = Array.from({ length: 400 }, (_, seed) =>
      new Simulation(seed, wire, "standing", seed % 2 === 0 ? tenYearsMs : -tenYearsMs).knock("reset"),
    )
    for (const [seed, end] of ends.entries())
      expect(end.actsOfOneNonce, `seed ${seed}`).toBeLessThanOrEqual(1)
    expect(ends.filter((end) => end.doneMs !== undefined).length).toBeGreaterThanOrEqual(396)
  })

  test("with clocks ten years apart: in with one more round trip, and after a probe with one packet", () => {
    const simulation = new Simulation(1, clean, "standing", -tenYearsMs)
    expect(simulation.knock("reset")).toEqual({ doneMs: 32, actsOfOneNonce: 1, acts: 1, packets: 2 })
    expect(simulation.knock("reset")).toEqual({ doneMs: 22, actsOfOneNonce: 1, acts: 1, packets: 1 })
    expect(simulation.knock("rollback")).toEqual({ doneMs: 20, actsOfOneNonce: 1, acts: 1, packets: 2 })
  })

  test("when no answer comes back at all, a reset acts after 2 s, unless it was pinned: then at once", () => {
    const mute = { lossBack: 1 }
    expect(new Simulation(2, clean, "one-time", tenYearsMs).knock("reset", mute)).toMatchObject({
      doneMs: undefined,
      acts: 1,
    })
    expect(new Simulation(3, clean, "standing", 30_000).knock("reset", mute)).toMatchObject({ acts: 1 })
    expect(new Simulation(4, clean, "standing", tenYearsMs).knock("reset", mute)).toMatchObject({ acts: 0 })
    const pinned = new Simulation(5, clean, "standing", tenYearsMs)
    pinned.knock("probe")
    // The one-way request that follows after 2 s is a knock of its own: nobody told the client that the first one acted.
    expect(pinned.knock("reset", mute)).toMatchObject({ acts: 2, actsOfOneNonce: 1 })
  })
})
