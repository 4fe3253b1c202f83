import { describe, expect, it } from "vitest"
import { connection, order, Staged } from "./staged.ts"
import type { Fate } from "./world.ts"

const login = { kind: "ssh", keys: ["192.0.2.1 22 192.0.2.2 50001"] } as const
const connections = [connection(50_001)]

/** A session with a change that waits, and a look at what is in force that goes as a test says. */
function waiting(compare: Partial<Fate> = {}, within = 60_000): Staged {
  const session = new Staged({ timeoutMs: 600_000 }, ({ type }) => (type === "compare" ? compare : undefined))
  session.command({ command: "apply", order: { ...order, withinMs: within } })
  session.pass(2000)
  return session
}
const confirm = (session: Staged) => session.command({ command: "confirm", login, connections })

describe("a confirmation", () => {
  it("is of what is in force: what differs is said, and a rollback goes back to that", () => {
    const session = waiting()
    session.kernel = { rules: "change c1 and a repair", state: "shut" }
    const told = confirm(session)
    session.pass(1)
    expect(told()).toMatchObject({ event: "confirmed", facts: { id: "c1", differs: ["others"] } })
    const saved = told()?.facts?.candidate
    expect(saved).toBe(session.record.arming?.path)
    session.kernel = { rules: "nothing", state: "flushed" }
    session.knock("rollback")
    session.pass(4000)
    expect(session.inForce).toBe("change c1 and a repair")
  })

  it("says nothing, and keeps the change itself, where nothing differs", () => {
    const session = waiting()
    const candidate = session.record.change?.candidate
    const told = confirm(session)
    session.pass(1)
    expect(told()?.message).toBe("the change is confirmed by fw-apply and stays")
    expect(told()?.facts).toMatchObject({ differs: [], candidate: candidate?.path })
    expect(session.record.arming).toBe(candidate)
  })

  it("counts where what is in force cannot be read, and says that; nothing else is adopted", () => {
    const session = waiting({ end: "fails" })
    const candidate = session.record.change?.candidate
    const told = confirm(session)
    session.pass(1)
    expect(told()).toMatchObject({ event: "confirmed", code: "done", facts: { notCompared: "no" } })
    expect(session.record.arming).toBe(candidate)
  })

  it("is in time when it was asked for in time, and answers everybody who asked meanwhile", () => {
    const session = waiting({ takesMs: 5000 }, 10_000)
    session.pass(8000)
    const told = [confirm(session), confirm(session)]
    const knock = session.knock("confirm", "192.0.2.2", connections)
    const old = session.command({ command: "confirm", login: { kind: "ssh", keys: ["old"] }, connections })
    expect([told[0]?.(), knock(), old()?.event]).toEqual([undefined, [], "confirm-refused"])
    session.pass(6000) // the deadline is in between
    expect([told.map((one) => one()?.event), knock()]).toEqual([
      ["confirmed", "confirmed"],
      ["confirmed false"],
    ])
    expect(session.inForce).toBe("change c1")
  })

  it("is refused, and the change goes back in time, when the look never ends", () => {
    const session = waiting({ takesMs: Number.POSITIVE_INFINITY }, 10_000)
    const told = confirm(session)
    session.pass(109_000)
    expect([told(), session.inForce]).toEqual([undefined, "change c1"])
    session.pass(10_000)
    expect(told()).toMatchObject({ event: "confirm-refused", code: "refused" })
    expect(session.inForce).toBe("at arming")
  })

  it.each(["rollback", "disarm", "reset", "knock rollback"] as const)(
    "that is being looked at gives way to a %s",
    (what) => {
      const session = waiting({ takesMs: 5000 })
      const told = confirm(session)
      const knock = session.knock("confirm", "192.0.2.2", connections)
      if (what === "reset") session.knock("reset")
      else if (what === "knock rollback") session.knock("rollback")
      else session.command({ command: what, by: "ada" })
      session.pass(8000)
      expect([told()?.event, knock()]).toEqual(["confirm-refused", ["refused false"]])
      expect(session.events).not.toContain("confirmed")
    },
  )

  it("looks again when an open that took nothing away was in between", () => {
    const session = waiting({ takesMs: 3000 })
    const told = confirm(session)
    session.kernel = { rules: "change c1", state: "flushed" } // rules that drop nothing
    session.knock("reset")
    session.pass(2000)
    session.kernel = { rules: "change c1", state: "shut" }
    session.pass(2000)
    expect(told()).toBeUndefined()
    session.pass(3000)
    expect(told()?.event).toBe("confirmed")
  })

  it("looks again when an open and its undo were in between", () => {
    const session = waiting({ takesMs: 5000 })
    const told = confirm(session)
    session.knock("reset")
    session.command({ command: "undo" })
    session.pass(8000)
    expect([told(), session.inForce]).toEqual([undefined, "change c1"])
    session.pass(3000)
    expect(told()?.event).toBe("confirmed")
  })

  it("is forgotten by a guard that is killed meanwhile: the change waits on, and goes back in time", () => {
    const session = waiting({ takesMs: 5000 })
    confirm(session)
    session.kill(() => false)
    session.resume()
    expect(session.record.change?.stage).toBe("waiting")
    session.pass(64_000)
    expect(session.inForce).toBe("at arming")
  })

  it("that comes too late is told when and why it went back", () => {
    const session = waiting({}, 10_000)
    session.pass(9010)
    const going = confirm(session)
    expect(going()?.message).toMatch(
      /^too late: the rules are going back since .*: not confirmed within 10s$/,
    )
    session.pass(5000)
    const late = confirm(session)()
    expect(late).toMatchObject({ event: "nothing-to-confirm", code: "refused", facts: { id: "c1" } })
    expect(late?.message).toMatch(/^too late: the change went back at .*: not confirmed within 10s$/)
  })
})

describe("a guard that goes on", () => {
  it("reverts for the reason that the one before it had", () => {
    const session = waiting()
    session.command({ command: "rollback", by: "ada" })
    session.kill(() => false)
    session.resume()
    session.pass(4000)
    expect(session.record.lastChange?.outcome.facts?.why).toBe("rolled back by ada")
  })

  it("ends the session of a change that is over when the one before it would have", () => {
    const session = new Staged({ forChange: true, timeoutMs: 600_000 })
    session.command({ command: "apply", order })
    session.pass(2000)
    confirm(session)
    session.pass(1)
    expect(session.record.changeOverMs).toBeDefined()
    session.kill(() => false)
    session.resume()
    session.pass(2000)
    expect([session.over, session.events.at(-1)]).toEqual([true, "change-over"])
  })
})
