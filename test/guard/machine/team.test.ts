import { describe, expect, it } from "vitest"
import { Staged } from "./staged.ts"

const count = (session: Staged, what: string): number =>
  session.history.filter((line) => line.includes(`  ${what} `)).length

describe("resets that come at once", () => {
  it("are told in their order, and opened for twice: for the first, and for all others", () => {
    const session = new Staged()
    const told = Array.from({ length: 20 }, (_, at) => session.knock("reset", `192.0.2.${at}`))
    session.pass(1)
    expect(told.map((one) => one())).toEqual(Array(20).fill(["opened false"]))
    session.pass(2000)
    expect([session.inForce, session.record.tasks, session.record.opens]).toEqual(["open", [], 1])
    expect(told.map((one) => one())).toEqual(Array(20).fill(["opened false", "opened true"]))
    expect(session.answers.map(({ knock }) => knock)).toEqual(
      [0, 1].flatMap(() => Array.from({ length: 20 }, (_, at) => at + 1)),
    )
    expect(["commit", "keep", "settle"].map((what) => count(session, what))).toEqual([1, 1, 1])
  })

  it("wait together for their own look when the first has begun with it", () => {
    const session = new Staged()
    const first = session.knock("reset")
    session.pass(100)
    const others = Array.from({ length: 19 }, () => session.knock("reset"))
    session.pass(1)
    expect(others.map((one) => one())).toEqual(Array(19).fill(["opened false"]))
    session.pass(3000)
    expect(first()).toEqual(["opened false", "opened true"])
    expect(others.map((one) => one())).toEqual(Array(19).fill(["opened false", "open-already true"]))
    expect([session.record.opens, count(session, "settle")]).toEqual([2, 2])
  })

  it("open again at once for whoever comes when rules have come in between", () => {
    const session = new Staged()
    session.knock("reset")
    session.pass(10)
    session.knock("reset")
    session.pass(10)
    session.kernel = { rules: "others", state: "shut" }
    const told = session.knock("reset")
    session.pass(1)
    expect([session.kernel.state, told()]).toEqual(["asleep", ["opened false"]])
    session.pass(3000)
    expect([session.inForce, session.record.opens, told()[0]]).toEqual(["open", 2, "opened false"])
  })

  it("stay apart where one is hard, or a rollback came in between", () => {
    const session = new Staged()
    session.knock("reset")
    const hard = session.knock("reset", "192.0.2.2", [], true)
    session.pass(5000)
    expect([session.record.opens, hard()]).toEqual([2, ["opened false", "opened true"]])
    session.knock("reset")
    session.knock("rollback")
    session.knock("reset")
    session.pass(10_000)
    expect([session.record.opens, session.inForce]).toEqual([4, "open"])
  })

  it("of which only the first one's way was looked at are told no more than that", () => {
    const session = new Staged()
    session.knock("reset", "192.0.2.2")
    session.knock("reset", "192.0.2.2")
    session.knock("reset", "192.0.2.3")
    session.pass(2000)
    const verified = session.answers.filter((answer) => answer.verified)
    expect(verified.map((answer) => "elsewhere" in answer && answer.elsewhere)).toEqual([false, false, true])
  })

  it("owe what the last of them owes", () => {
    const session = new Staged({ openForMs: 10_000 })
    session.knock("reset")
    session.pass(100)
    session.knock("reset")
    session.pass(500)
    session.knock("reset") // goes back 10 s from here
    session.pass(9900)
    expect(session.inForce).toBe("open")
    session.pass(3200)
    expect(session.inForce).toBe("at arming")
  })
})
