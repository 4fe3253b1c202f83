import { expect, it } from "vitest"
import { step } from "../../../src/guard/machine/step.ts"
import { histories } from "./histories.ts"

it("keeps its promises in 2 000 random histories", () => {
  expect(histories(2000)).toEqual({ broken: [] })
})

// A model that finds nothing proves nothing: each of these faults was in a guard once, or nearly.

it("finds an undo that fails and forgets what --open-for owes", () => {
  const forgetful: typeof step = (record, event, nowMs, wallMs) => {
    const next = step(record, event, nowMs, wallMs)
    const task = record.tasks.find(({ id }) => event.type === "restored" && id === event.task)
    const isUndo = task?.kind === "restore" && task.to === "last-open"
    return isUndo ? { ...next, record: { ...next.record, debt: undefined } } : next
  }
  const { broken } = histories(20_000, forgetful)
  expect(broken[0]?.why).toMatch(/what an open owes (is forgotten|was neither done)/)
})

it("finds an answer that goes out before the record is written", () => {
  const hasty: typeof step = (record, event, nowMs, wallMs) => {
    const { effects, ...next } = step(record, event, nowMs, wallMs)
    if (effects.some(({ type }) => type === "end")) return { ...next, effects }
    const writes = effects.filter(({ type }) => type === "write")
    return { ...next, effects: [...effects.filter(({ type }) => type !== "write"), ...writes] }
  }
  const { broken } = histories(20_000, hasty)
  expect(broken[0]?.why).toMatch(
    /was confirmed, and reverts|is forgotten|was neither done|is confirmed, and not what/,
  )
})

it("finds a change that is confirmed while its revert runs", () => {
  const lenient: typeof step = (record, event, nowMs, wallMs) => {
    const next = step(record, event, nowMs, wallMs)
    const { change, lastTask } = record
    if (change?.stage !== "reverting") return next
    const { id, before, candidate } = change
    const asked = event.type === "command" && event.command === "confirm"
    if (asked) return { ...next, effects: [...next.effects, { type: "compare", id, before, candidate }] }
    if (event.type !== "compared") return next
    const nobody = { by: "a knock", notice: undefined, asks: [], knocks: [] } as const
    const confirming = { ...nobody, lastTask, limitMs: nowMs + 1 }
    const comparing = { ...change, stage: "comparing", confirming } as const
    const confirmed = step({ ...record, change: comparing }, event, nowMs, wallMs)
    return confirmed.record.change === undefined ? confirmed : next
  }
  const { broken } = histories(20_000, lenient)
  expect(broken[0]?.why).toContain("was confirmed, and reverts")
})

it("finds a change that is confirmed without a look at what is in force", () => {
  const blind: typeof step = (record, event, nowMs, wallMs) => {
    const next = step(record, event, nowMs, wallMs)
    const { change } = next.record
    if (change?.stage !== "comparing" || record.change?.stage !== "waiting") return next
    const seen = { type: "compared", id: change.id, inForce: undefined, differs: [] } as const
    const confirmed = step(next.record, seen, nowMs, wallMs)
    return {
      ...confirmed,
      effects: [...next.effects.filter(({ type }) => type !== "compare"), ...confirmed.effects],
    }
  }
  const { broken } = histories(20_000, blind)
  expect(broken[0]?.why).toContain("was not looked at")
})

it("finds a session that forgets that the firewall is open", () => {
  const forgetful: typeof step = (record, event, nowMs, wallMs) => {
    const next = step(record, event, nowMs, wallMs)
    return event.type === "settled" ? { ...next, record: { ...next.record, openSince: undefined } } : next
  }
  const { broken } = histories(20_000, forgetful)
  expect(broken[0]?.why).toMatch(/open, and nobody knows/)
})
