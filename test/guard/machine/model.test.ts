import { expect, it } from "vitest"
import { step } from "../../../src/guard/machine/step.ts"
import { histories } from "./histories.ts"

it("keeps its promises in 2 000 random histories", () => {
  expect(histories(2000)).toEqual({ broken: [] })
})

// A model that finds nothing proves nothing: each of these faults was in a guard once, or nearly.

it("finds an undo that fails and forgets what --open-for owes", () => {
  const forgetful: typeof step = (record, event, nowMs) => {
    const next = step(record, event, nowMs)
    const task = record.tasks.find(({ id }) => event.type === "restored" && id === event.task)
    const isUndo = task?.kind === "restore" && task.to === "last-open"
    return isUndo ? { ...next, record: { ...next.record, debt: undefined } } : next
  }
  const { broken } = histories(2000, forgetful)
  expect(broken[0]?.why).toMatch(/what an open owes (is forgotten|was neither done)/)
})

it("finds an answer that goes out before the record is written", () => {
  const hasty: typeof step = (record, event, nowMs) => {
    const { effects, ...next } = step(record, event, nowMs)
    if (effects.some(({ type }) => type === "end")) return { ...next, effects }
    const writes = effects.filter(({ type }) => type === "write")
    return { ...next, effects: [...effects.filter(({ type }) => type !== "write"), ...writes] }
  }
  const { broken } = histories(2000, hasty)
  expect(broken[0]?.why).toMatch(/was confirmed, and reverts|is forgotten|was neither done/)
})

it("finds a change that is confirmed while its revert runs", () => {
  const lenient: typeof step = (record, event, nowMs) => {
    const confirms =
      (event.type === "knock" && event.verb === "confirm") ||
      (event.type === "command" && event.command === "confirm")
    const { change } = record
    if (!confirms || change?.stage !== "reverting") return step(record, event, nowMs)
    const waiting = { ...change, stage: "waiting", deadlineMs: nowMs + 1 } as const
    const confirmed = step({ ...record, change: waiting }, event, nowMs)
    return confirmed.record.change === undefined ? confirmed : step(record, event, nowMs)
  }
  const { broken } = histories(2000, lenient)
  expect(broken[0]?.why).toContain("was confirmed, and reverts")
})
