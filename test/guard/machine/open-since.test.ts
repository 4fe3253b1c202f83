import { describe, expect, it } from "vitest"
import { statusLine, statusOf } from "../../../src/guard/machine/status.ts"
import { order, Staged } from "./staged.ts"
import { live } from "./world.ts"

const openOf = (session: Staged) => statusOf(session.record, live, session.nowMs).open
const opened = (changes: ConstructorParameters<typeof Staged>[0] = {}): Staged => {
  const session = new Staged({ timeoutMs: 600_000, ...changes })
  session.knock("reset")
  session.pass(2000)
  return session
}

describe("a session whose firewall is open", () => {
  it("says since when, until an undo has put the rules back", () => {
    const session = opened()
    expect(openOf(session)).toEqual({
      ...{ sinceMs: 1_700_000_002_000, scope: "all", whole: true, dropping: 0, undoable: true },
    })
    expect(session.emitted.at(-1)?.message).toMatch(
      /^the firewall is OPEN since \S+: nothing filters here; `fw-watchdog undo` puts the rules back$/,
    )
    expect(statusLine(statusOf(session.record, live, session.nowMs), 1_700_000_002_000)).toMatch(
      /^OPEN since /,
    )
    session.command({ command: "undo" })
    session.pass(4000)
    expect(openOf(session)).toBeUndefined()
  })

  it("says so through a kill, and so does the next guard's end", () => {
    const session = opened()
    session.kill(() => false)
    session.resume()
    expect(openOf(session)).toEqual({ sinceMs: 1_700_000_002_000, scope: "all", whole: true, undoable: true })
    session.pass(700_000)
    expect(session.emitted.at(-1)).toMatchObject({
      event: "expired",
      message: expect.stringMatching(
        /OPEN since .*, unless somebody has loaded rules since; `fw-watchdog undo`/,
      ),
      facts: { openSinceMs: 1_700_000_002_000, undoable: true },
    })
  })

  it.each(["begun", "kept"])("says so too where the guard was killed when the open was %s", (how) => {
    const session = new Staged({ timeoutMs: 600_000 })
    session.knock("reset")
    session.pass(how === "begun" ? 100 : 600)
    session.kill(() => true)
    session.resume()
    session.pass(2000)
    expect(openOf(session)).toMatchObject({ whole: true, undoable: true })
  })

  it("leaves it behind at its end, with the rules to go back to, and says it to who disarms", () => {
    const session = opened()
    const told = session.command({ command: "disarm", by: "ada" })
    session.pass(10)
    expect(told()?.message).toMatch(
      /^disarmed by ada; the firewall stays as it is; the firewall is OPEN since /,
    )
    const { open } = session.disk.left ?? {}
    expect(session.rulesOf(open?.rules)).toBe("at arming")
  })

  it("says that no undo comes behind it when that could not be written down", () => {
    const session = new Staged({ timeoutMs: 600_000 }, ({ type }) =>
      type === "leave" ? { end: "fails" } : {},
    )
    session.knock("reset")
    session.pass(2000)
    const told = session.command({ command: "disarm", by: "ada" })
    session.pass(10)
    expect(session.events.at(-2)).toBe("not-left-behind")
    expect(told()).toMatchObject({ event: "disarmed", facts: { undoable: false } })
    expect(told()?.message).not.toContain("fw-watchdog undo")
  })

  it("ends all the same when a disk hangs", () => {
    const hangs = { takesMs: Number.POSITIVE_INFINITY }
    const session = new Staged({ timeoutMs: 600_000 }, ({ type }) => (type === "leave" ? hangs : {}))
    session.knock("reset")
    session.pass(2000)
    session.command({ command: "disarm", by: "ada" })
    session.pass(16_000)
    expect(session.over).toBe(true)
  })

  it("is not open any more with the rules of a change, and is again when that goes back", () => {
    const session = opened()
    session.command({ command: "apply", order })
    session.pass(2000)
    expect([session.inForce, openOf(session)]).toEqual(["change c1", undefined])
    session.command({ command: "rollback", by: "ada" })
    session.pass(4000)
    expect([session.inForce, openOf(session)?.sinceMs]).toEqual(["open", 1_700_000_002_000])
  })

  it("does not know what is in force behind a restore that ended half-way or differs", () => {
    const session = new Staged({ timeoutMs: 600_000 }, ({ type }) =>
      type === "restore" ? { end: "half" } : {},
    )
    session.knock("reset")
    session.pass(2000)
    session.command({ command: "undo" })
    session.pass(4000)
    expect(openOf(session)).toMatchObject({ whole: false, undoable: true })
    session.command({ command: "disarm", by: "ada" })
    session.pass(10)
    expect(session.emitted.at(-1)?.message).toMatch(
      /was opened at \S+, and it is not known for sure what filters here now/,
    )
  })

  it("stays so behind an undo that has failed and put everything back", () => {
    const session = new Staged({ timeoutMs: 600_000 }, ({ type }) =>
      type === "restore" ? { end: "fails" } : {},
    )
    session.knock("reset")
    session.pass(2000)
    session.command({ command: "undo" })
    session.pass(4000)
    expect(openOf(session)).toMatchObject({ whole: true, undoable: true })
  })

  it("was open at arming already: a rollback goes back to that, an undo to before it", () => {
    const session = opened()
    session.command({ command: "disarm", by: "ada" })
    session.pass(10)
    const { open } = session.disk.left ?? {}
    const next = new Staged({ timeoutMs: 600_000 }, undefined, session.disk.left)
    expect(openOf(next)).toMatchObject({ sinceMs: open?.since.atMs, undoable: true })
    next.knock("rollback")
    next.pass(4000)
    expect(openOf(next)?.sinceMs).toBe(open?.since.atMs)
    next.command({ command: "undo" })
    next.pass(4000)
    expect(openOf(next)).toBeUndefined()
  })
})

describe("an undo with nothing to undo says why", () => {
  const why = (session: Staged): unknown => {
    const told = session.command({ command: "undo" })
    session.pass(4000)
    expect(told()).toMatchObject({ event: "nothing-to-undo", code: "refused" })
    return told()?.facts?.why
  }

  it("no open, one that changed nothing, one that was undone, rules that are lost or not kept, a confirmed change", () => {
    expect(why(new Staged())).toBe("no-open")

    const nothing = new Staged()
    nothing.kernel = { rules: "nothing", state: "flushed" }
    nothing.knock("reset")
    nothing.pass(2000)
    expect(why(nothing)).toBe("changed-nothing")

    const undone = opened()
    undone.command({ command: "undo" })
    undone.pass(4000)
    undone.kill(() => false)
    undone.resume()
    expect(why(undone)).toBe("undone")

    const lost = opened()
    const journal = JSON.parse(lost.disk.journal ?? "{}")
    lost.kill(() => false)
    lost.disk.journal = JSON.stringify({ ...journal, lastOpenSnapshot: "/gone" })
    lost.resume()
    expect(why(lost)).toBe("lost")
    expect(openOf(lost)).toMatchObject({ undoable: false })

    const notKept = new Staged({}, ({ type }) => (type === "keep" ? { end: "fails" } : {}))
    notKept.knock("reset")
    notKept.pass(2000)
    expect(why(notKept)).toBe("not-kept")

    const confirmed = opened()
    confirmed.command({ command: "apply", order: { ...order, withinMs: 0 } })
    confirmed.pass(2000)
    expect(why(confirmed)).toBe("confirmed")
  })
})
