import { describe, expect, it } from "vitest"
import { Fault, type FaultCode } from "../../src/errors.ts"
import { exitCodeFor, exitCodeOf, jsonOf, outcomeOfFault, worstOf } from "../../src/report/outcome.ts"

describe("exit codes", () => {
  it.each([
    ["refused", 1],
    ["rolled-back", 2],
    ["state-unknown", 3],
    ["no-answer", 4],
    ["would-change", 5],
    ["usage", 64],
    ["missing", 69],
    ["permission", 77],
    ["configuration", 78],
  ] as const)("a %s fault exits with %d", (code, exitCode) => {
    expect(exitCodeOf(new Fault(code, "x"))).toBe(exitCode)
  })

  it("a bug exits with 3: nobody knows how far it got", () => {
    expect(exitCodeOf(new TypeError("x"))).toBe(3)
    expect(exitCodeOf(undefined)).toBe(3)
  })

  it("the worst of several is the first of 3, 2, 4, 78, 77, 69, 1, 0", () => {
    const order: FaultCode[] = [
      "state-unknown",
      "rolled-back",
      "no-answer",
      "configuration",
      "permission",
      "missing",
      "refused",
    ]
    expect(order.map((code) => exitCodeFor(code))).toEqual([3, 2, 4, 78, 77, 69, 1])
    for (const [place, worse] of order.entries())
      for (const better of [...order.slice(place), "done" as const]) {
        expect(worstOf([worse, better])).toBe(worse)
        expect(worstOf([better, "done", worse])).toBe(worse)
      }
    expect(worstOf(["done", "done"])).toBe("done")
    expect(worstOf([])).toBe("done")
  })
})

describe("an outcome", () => {
  it("becomes one object with stable keys, where no fact hides what happened", () => {
    const object = jsonOf({
      event: "opened",
      code: "done",
      message: "web1: open",
      facts: { host: "web1", exitCode: 99, event: "x", roundTripMs: undefined, packetsSent: 2 },
    })
    expect(object).toEqual({
      event: "opened",
      code: "done",
      exitCode: 0,
      message: "web1: open",
      host: "web1",
      packetsSent: 2,
    })
  })

  it("of a fault keeps its hint, and of a bug says that it is one", () => {
    const fault = outcomeOfFault(new Fault("permission", "cannot open", { hint: "use sudo" }), { host: "a" })
    expect(fault).toMatchObject({ code: "permission", hint: "use sudo", facts: { host: "a" } })
    expect(outcomeOfFault(new Error("boom")).code).toBe("state-unknown")
    expect(outcomeOfFault(new Error("boom")).hint).toBeDefined()
  })
})
