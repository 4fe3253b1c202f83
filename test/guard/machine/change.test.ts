import { describe, expect, it } from "vitest"
import { connection, order, Staged } from "./staged.ts"

const login = (port: number) => ({ kind: "ssh", keys: [`192.0.2.1 22 192.0.2.2 ${port}`] }) as const

describe("a change's time", () => {
  it("runs from the moment it is in force, and the session outlives it", () => {
    const session = new Staged({ timeoutMs: 10_000 })
    const applied = session.command({ command: "apply", order })
    session.pass(1001)
    expect([applied()?.event, session.inForce]).toEqual(["applied", "change c1"])
    session.pass(59_500)
    expect(session.inForce).toBe("change c1")
    session.pass(4000)
    expect([session.inForce, session.record.change, session.over]).toEqual(["at arming", undefined, false])
    expect(session.record.lastChange).toMatchObject({ id: "c1", outcome: { event: "rolled-back" } })
  })

  it("is over when it is over: a confirmation that comes while it reverts is refused", () => {
    const session = new Staged()
    session.command({ command: "apply", order })
    session.pass(61_500)
    const connections = [connection(50_001)]
    const confirmed = session.command({ command: "confirm", login: login(50_001), connections })
    expect(confirmed()).toMatchObject({ event: "confirm-refused", code: "refused" })
    expect(session.knock("confirm", "192.0.2.2", connections)()).toEqual(["refused false"])
    session.pass(3000)
    expect(session.inForce).toBe("at arming")
  })

  it("is cut off by a rollback that is asked for while the rules change, and by the end of the session", () => {
    for (const cut of ["rollback", "disarm"] as const) {
      const session = new Staged()
      session.command({ command: "apply", order })
      session.pass(500)
      const replied = session.command({ command: cut, by: "ada" })
      session.pass(5000)
      expect([session.inForce, session.record.change]).toEqual(["at arming", undefined])
      expect(replied()?.event).toBe(cut === "rollback" ? "rolled-back" : "disarmed")
    }
  })
})

describe("a revert that was asked for", () => {
  it("ends with its change, where that is refused meanwhile: it does not take back the next one", () => {
    const session = new Staged({}, ({ type }) => (type === "survey" ? { takesMs: 9000 } : undefined))
    const first = session.command({ command: "apply", order })
    session.pass(500)
    session.feed({ type: "plain", source: "192.0.2.2", device: "any" })
    const back = session.command({ command: "rollback", by: "ada" })
    session.pass(4000) // open, and still looking what else could stop packets
    expect([first()?.event, back()?.event]).toEqual(["raced", "raced"])
    const second = session.command({ command: "apply", order: { ...order, id: "c2" } })
    session.pass(9000)
    expect([second()?.event, session.inForce]).toEqual(["applied", "change c2"])
  })
})

describe("a change behind an open", () => {
  it("goes back before that open is undone", () => {
    const session = new Staged({}, ({ type }) => (type === "survey" ? { takesMs: 9000 } : undefined))
    session.feed({ type: "plain", source: "192.0.2.2", device: "any" })
    session.pass(4000)
    const applied = session.command({ command: "apply", order })
    session.pass(9000)
    expect([applied()?.event, session.inForce]).toEqual(["applied", "change c1"])
    const undone = session.command({ command: "undo" })
    session.pass(9000)
    expect([undone()?.event, session.inForce]).toEqual(["rolled-back", "at arming"])
    expect(session.record.lastChange?.outcome.event).toBe("rolled-back")
  })
})

describe("a change", () => {
  it("stays when it is confirmed, and a rollback goes back to it from then on", () => {
    const session = new Staged()
    session.command({ command: "apply", order })
    session.pass(2000)
    const old = session.command({ command: "confirm", login: login(50_000), connections: [] })
    session.pass(1)
    expect(old()?.event).toBe("confirmed") // nothing stood in this world but "old"
    const again = new Staged()
    again.command({ command: "apply", order })
    again.pass(2000)
    expect(again.knock("confirm", "192.0.2.3", [connection(50_001)])()).toEqual(["refused false"])
    const told = again.knock("confirm", "192.0.2.2", [connection(50_001)])
    again.pass(1)
    expect(told()).toEqual(["confirmed false"])
    expect(again.knock("confirm", "192.0.2.2", [connection(50_001)])()).toEqual(["nothing-to-do false"])
    again.pass(50_000)
    expect(again.inForce).toBe("change c1")
    again.knock("reset")
    again.pass(2000)
    again.knock("rollback")
    again.pass(5000)
    expect(again.inForce).toBe("change c1")
    expect(again.command({ command: "rollback", by: "ada" })()?.event).toBe("nothing-to-confirm")
  })

  it("is called off by a rollback that comes while it is being prepared", () => {
    const session = new Staged({}, ({ type }) => (type === "prepare" ? { takesMs: 1000 } : undefined))
    const applied = session.command({ command: "apply", order })
    session.pass(500)
    const rolledBack = session.command({ command: "rollback", by: "ada" })
    expect(rolledBack()).toMatchObject({ event: "called-off", code: "done", facts: { changed: false } })
    session.pass(5000)
    expect(applied()).toMatchObject({ event: "apply-refused", code: "refused" })
    expect([session.inForce, session.record.change]).toEqual(["at arming", undefined])
  })

  it("is one at a time", () => {
    const session = new Staged()
    session.command({ command: "apply", order })
    expect(session.command({ command: "apply", order: { ...order, id: "c2" } })()?.event).toBe(
      "change-pending",
    )
    session.pass(2000)
    expect(session.command({ command: "apply", order: { ...order, id: "c2" } })()?.event).toBe(
      "change-pending",
    )
  })

  it("is not begun when a killed guard would not know of it, unless it is forced", () => {
    const refused = new Staged()
    refused.writes = false
    const reply = refused.command({ command: "apply", order })
    refused.pass(2000)
    expect(reply()).toMatchObject({ event: "apply-refused", code: "refused" })
    expect([refused.inForce, refused.record.change]).toEqual(["at arming", undefined])
    const forced = new Staged()
    forced.writes = false
    forced.command({ command: "apply", order: { ...order, force: true } })
    forced.pass(2000)
    expect(forced.inForce).toBe("change c1")
  })

  it("reverts at once in a guard that comes after one that was killed half-way", () => {
    const session = new Staged()
    session.command({ command: "apply", order })
    session.pass(500)
    session.kill(() => true)
    expect(session.inForce).toBe("change c1")
    session.resume()
    session.pass(4000)
    expect([session.inForce, session.events.at(-1)]).toEqual(["at arming", "rolled-back"])
  })

  it("reverts at once in a guard that comes after one that was killed while it reverted", () => {
    const session = new Staged()
    session.command({ command: "apply", order })
    session.pass(2000)
    session.command({ command: "rollback", by: "ada" })
    session.kill(() => false)
    session.resume()
    session.pass(4000)
    expect(session.inForce).toBe("at arming")
  })

  it("is tried twice to take back, and says so when that does not work", () => {
    let restores = 0
    const session = new Staged({ timeoutMs: 10_000 }, ({ type }) => {
      if (type !== "restore") return undefined
      restores += 1
      return { end: "half" }
    })
    session.command({ command: "apply", order })
    session.pass(2000)
    const rolled = session.command({ command: "rollback", by: "ada" })
    session.pass(7000)
    expect(rolled()).toMatchObject({ event: "rollback-failed", code: "state-unknown" })
    expect([restores, session.record.lastChange?.outcome.code]).toEqual([2, "state-unknown"])
    session.pass(120_000)
    expect(session.over).toBe(false) // knocks are answered while somebody repairs
  })

  it("that could not be put in force whole is taken back first of all", () => {
    const session = new Staged({}, ({ type }) => (type === "apply" ? { end: "half" } : undefined))
    const applied = session.command({ command: "apply", order })
    session.pass(500)
    session.command({ command: "undo" })
    session.pass(8000)
    expect(applied()).toMatchObject({ event: "apply-failed", code: "rolled-back" })
    expect(session.inForce).toBe("at arming")
  })

  it("ends the session that was armed for it", () => {
    const session = new Staged({ forChange: true, timeoutMs: 600_000 })
    session.command({ command: "apply", order })
    session.pass(2000)
    session.knock("confirm", "192.0.2.2", [connection(50_001)])
    session.pass(2000)
    expect([session.inForce, session.over, session.events.at(-1)]).toEqual(["change c1", true, "change-over"])
  })

  it("is reverted before an older open is undone", () => {
    const session = new Staged({ timeoutMs: 600_000 })
    session.knock("reset")
    session.pass(2000)
    session.command({ command: "apply", order })
    session.pass(2000)
    expect(session.inForce).toBe("change c1")
    session.command({ command: "undo" })
    expect(session.knock("confirm", "192.0.2.2", [connection(50_001)])()).toEqual(["refused false"])
    session.pass(8000)
    expect([session.inForce, session.record.change]).toEqual(["at arming", undefined])
  })

  it("is reverted before a rollback that is owed since the same moment", () => {
    const session = new Staged({ timeoutMs: 600_000, openForMs: 10_000 })
    session.knock("reset")
    session.pass(2000)
    session.command({ command: "apply", order: { ...order, withinMs: 5000 } })
    session.pass(2000)
    session.kill(() => true)
    session.nowMs += 60_000
    session.resume()
    session.pass(20_000)
    expect([session.inForce, session.record.debt]).toEqual(["at arming", undefined])
  })

  it("cannot be confirmed while an open waits behind an undo", () => {
    const session = new Staged()
    session.command({ command: "apply", order })
    session.pass(2000)
    session.knock("reset")
    session.pass(2000)
    session.command({ command: "undo" })
    session.pass(100)
    session.knock("reset")
    session.pass(2950)
    expect(session.knock("confirm", "192.0.2.2", [connection(50_001)])()).toEqual(["refused false"])
    session.pass(5000)
    expect([session.inForce, session.record.change?.opened]).toEqual(["open", true])
  })

  it("can be confirmed after an open that took nothing away", () => {
    const session = new Staged({ timeoutMs: 600_000 })
    session.knock("reset")
    session.pass(2000)
    session.command({ command: "apply", order })
    session.pass(2000)
    session.kernel = { rules: "change c1", state: "flushed" } // rules that drop nothing
    session.knock("reset")
    session.pass(2000)
    expect(session.record.change?.opened).toBe(false)
  })

  it("is taken back by who asks for it, also when it needs no confirmation", () => {
    const session = new Staged()
    session.command({ command: "apply", order: { ...order, withinMs: 0 } })
    session.pass(500)
    const rolledBack = session.command({ command: "rollback", by: "Ctrl-C" })
    session.pass(5000)
    expect([session.inForce, rolledBack()?.event]).toEqual(["at arming", "rolled-back"])
  })

  it("is called off while it waits for its turn", () => {
    const session = new Staged({ timeoutMs: 600_000 })
    session.knock("reset")
    const applied = session.command({ command: "apply", order })
    session.pass(100)
    const rolledBack = session.command({ command: "rollback", by: "ada" })
    expect([applied()?.event, rolledBack()?.event]).toEqual(["apply-refused", "called-off"])
    session.pass(5000)
    expect([session.inForce, session.record.tasks]).toEqual(["open", []])
  })

  it("cannot be confirmed while the firewall is open, and can be again when that is undone", () => {
    const session = new Staged()
    session.command({ command: "apply", order })
    session.pass(2000)
    session.knock("reset")
    session.pass(2000)
    expect(session.knock("confirm", "192.0.2.2", [connection(50_001)])()).toEqual(["refused false"])
    session.command({ command: "undo" })
    session.pass(4000)
    const told = session.knock("confirm", "192.0.2.2", [connection(50_001)])
    session.pass(1)
    expect(told()).toEqual(["confirmed false"])
  })
})
