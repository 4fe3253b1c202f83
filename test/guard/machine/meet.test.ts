import { describe, expect, it } from "vitest"
import { Staged } from "./staged.ts"

describe("opens and restores that meet", () => {
  it("leave it open when the open was asked for last, which opens at once all the same", () => {
    const session = new Staged()
    session.knock("rollback")
    session.pass(1500)
    const told = session.knock("reset")
    session.pass(1)
    expect([session.kernel.state, told()]).toEqual(["asleep", ["opened false"]])
    session.pass(1400)
    expect(told()).toEqual(["opened false"]) // not before it is so
    session.pass(3000)
    expect([session.inForce, told()]).toEqual(["open", ["opened false", "opened true"]])
  })

  it("leave it shut when the restore was asked for last", () => {
    const session = new Staged()
    session.knock("reset")
    const told = session.knock("rollback")
    session.pass(6000)
    expect([session.inForce, told()]).toEqual(["at arming", ["rolled-back true"]])
  })

  it("are all carried out, in any order, and end as the last one said", () => {
    for (const orders of ["obobbo", "bobbob", "oobb"]) {
      const session = new Staged({ timeoutMs: 600_000 })
      for (const one of orders) {
        session.knock(one === "o" ? "reset" : "rollback")
        session.pass(70)
      }
      session.pass(60_000)
      const inForce = orders.endsWith("o") ? "open" : "at arming"
      expect([orders, session.inForce, session.record.tasks]).toEqual([orders, inForce, []])
      expect(session.events.filter((event) => event === "opened" || event === "rolled-back")).toHaveLength(
        orders.length,
      )
    }
  })
})
