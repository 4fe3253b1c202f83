import { describe, expect, it } from "vitest"
import type { Clock, Timer } from "../../../src/clock.ts"
import type { Dropping } from "../../../src/firewall/open/contract.ts"
import { RelockWatch } from "../../../src/guard/rules/relock-watch.ts"
import type { Outcome } from "../../../src/report/outcome.ts"

const drop = (where: string): Dropping => ({ backend: "nft", where })

/** A watch on a clock that the test turns, over a listing that it sets. */
function watching() {
  let nowMs = 0
  let due: { atMs: number; then: () => void } | undefined
  const clock: Clock = {
    wallMs: () => nowMs,
    bootMs: () => nowMs,
    after(delayMs, then): Timer {
      const entry = { atMs: nowMs + delayMs, then }
      due = entry
      return { cancel: () => (due = due === entry ? undefined : due) }
    },
    every: () => ({ cancel: () => {} }),
  }
  const state = { listing: [] as Dropping[], tookMs: 0, looks: 0 }
  const events: Outcome[] = []
  const watch = new RelockWatch({
    clock,
    list: async () => {
      state.looks += 1
      nowMs += state.tookMs
      return state.listing
    },
    emit: (outcome) => events.push(outcome),
  })
  const pass = async (ms: number): Promise<void> => {
    const until = nowMs + ms
    while (due !== undefined && due.atMs <= until) {
      const { atMs, then } = due
      due = undefined
      nowMs = Math.max(nowMs, atMs)
      then()
      await new Promise((resolve) => setImmediate(resolve))
    }
    nowMs = Math.max(nowMs, until)
  }
  return { watch, state, events, pass }
}

describe("RelockWatch", () => {
  it("reports what appears after an open once, and again when it went and came back", async () => {
    const { watch, state, events, pass } = watching()
    watch.start([])
    await pass(10_000)
    expect(events).toEqual([])
    state.listing = [drop("ip filter INPUT (policy drop)")]
    await pass(10_000)
    expect(events).toMatchObject([
      { event: "re-locked", facts: { dropping: ["nft: ip filter INPUT (policy drop)"] } },
    ])
    state.listing = []
    await pass(3000)
    state.listing = [drop("ip filter INPUT (policy drop)")]
    await pass(3000)
    expect(watch.reLocks).toBe(2)
    expect(watch.dropping).toHaveLength(1)
  })

  it("is not surprised by what the open itself could not take away", async () => {
    const { watch, state, events, pass } = watching()
    state.listing = [drop("owned")]
    watch.start([drop("owned")])
    await pass(10_000)
    expect(events).toEqual([])
    expect(watch.dropping).toEqual(["nft: owned"])
  })

  it("says nothing after it was stopped, not even of a look that was under way", async () => {
    const { watch, state, events, pass } = watching()
    watch.start([])
    state.listing = [drop("x")]
    const passing = pass(2000)
    watch.stop()
    await passing
    await pass(10_000)
    expect(events).toEqual([])
  })

  it("rests twenty times as long as a look takes", async () => {
    const { watch, state, pass } = watching()
    state.tookMs = 1000
    watch.start([])
    await pass(64_000)
    expect(state.looks).toBeLessThanOrEqual(4)
    expect(state.looks).toBeGreaterThanOrEqual(3)
  })
})
