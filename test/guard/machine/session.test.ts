import { describe, expect, it } from "vitest"
import { Staged } from "./staged.ts"

const rolledBack = "rolled-back"

describe("a session's end", () => {
  it("comes on time, and after it nothing opens", () => {
    const session = new Staged()
    session.pass(59_999)
    expect(session.over).toBe(false)
    session.pass(1)
    expect(session.over).toBe(true)
    session.plain()
    session.pass(5000)
    expect([session.inForce, session.events]).toEqual(["at arming", ["armed", "expired"]])
  })

  it("waits for what is under way, a rollback of --open-for above all", () => {
    const session = new Staged({ openForMs: 10_000 })
    session.pass(49_000)
    session.plain() // goes back at 59 s, which takes until 62 s
    session.pass(11_500)
    expect([session.inForce, session.over]).toEqual(["open", false])
    session.pass(2000)
    expect([session.inForce, session.over]).toEqual(["at arming", true])
    expect(session.events.filter((event) => event === rolledBack)).toHaveLength(1)
  })

  it("is told as it is to whoever disarms, extends, undoes or applies meanwhile", () => {
    const session = new Staged({ onExpiry: "rollback" })
    session.pass(60_500)
    const ending = { event: "ending", code: "refused" }
    expect(session.command({ command: "disarm", by: "ada" })()).toMatchObject(ending)
    expect(session.command({ command: "extend", byMs: 60_000 })()).toMatchObject(ending)
    expect(session.command({ command: "undo" })()).toMatchObject(ending)
    const written = session.disk.journal
    session.pass(2000)
    expect(session.disk.journal).toBe(written)
    session.pass(3000)
    expect([session.inForce, session.over]).toEqual(["at arming", true])
  })

  it("comes all the same when what is owed never ends", () => {
    const hangs = { takesMs: Number.POSITIVE_INFINITY }
    const session = new Staged({ onExpiry: "rollback" }, ({ type }) =>
      type === "restore" ? hangs : undefined,
    )
    session.pass(60_000 + 200_000)
    expect(session.over).toBe(true)
    expect(session.events.slice(-2)).toEqual(["expiry-failed", "expired"])
  })

  it("is put off by extend, and the earlier one does nothing", () => {
    const session = new Staged()
    session.pass(59_000)
    const extended = session.command({ command: "extend", byMs: 60_000 })
    expect(extended()).toMatchObject({ event: "extended", facts: { secondsLeft: 61 } })
    session.pass(60_500)
    expect(session.over).toBe(false)
    session.pass(500)
    expect(session.over).toBe(true)
  })

  it("leaves it open with --on-expiry reset, and shut as it is with a disarm, whatever is owed", () => {
    const opens = new Staged({ onExpiry: "reset" })
    opens.pass(70_000)
    expect([opens.inForce, opens.over]).toEqual(["open", true])
    const disarmed = new Staged({ onExpiry: "rollback", openForMs: 10_000 })
    disarmed.plain()
    disarmed.pass(5000)
    disarmed.command({ command: "disarm", by: "ada" })
    disarmed.pass(1)
    expect([disarmed.inForce, disarmed.over]).toEqual(["open", true])
  })
})

describe("what --open-for owes", () => {
  it("is written as soon as the open is on its way, and gone when it has been paid", () => {
    const session = new Staged({ openForMs: 10_000 })
    const owed = (): number => JSON.parse(session.disk.journal ?? "{}").closeAgainMs
    session.pass(5000)
    session.plain()
    expect(owed()).toBe(session.nowMs + 10_000)
    session.pass(14_000)
    expect([owed(), session.inForce]).toEqual([0, "at arming"])
  })

  it("is tried again after 10 s, 20 s, ..., until it works", () => {
    let failing = 2
    const session = new Staged({ openForMs: 10_000, timeoutMs: 600_000 }, ({ type }) => {
      if (type !== "restore" || failing === 0) return undefined
      failing -= 1
      return { end: "fails" }
    })
    session.plain() // due at 10 s, and each time it fails 3 s later
    session.pass(13_000)
    expect([session.record.debt?.dueMs, session.events.at(-1)]).toEqual([24_000, "rollback-failed"])
    session.pass(13_000)
    expect([session.record.debt?.dueMs, session.inForce]).toEqual([47_000, "open"])
    session.pass(23_000)
    expect([session.record.debt, session.inForce]).toEqual([undefined, "at arming"])
  })

  it("is owed at the end of the session", () => {
    let failing = 1
    const session = new Staged({ openForMs: 30_000 }, ({ type }) => {
      if (type !== "restore" || failing === 0) return undefined
      failing -= 1
      return { end: "fails" }
    })
    session.pass(20_000)
    session.plain() // due at 50 s, fails at 53 s, would be tried at 63 s
    session.pass(44_000)
    expect([session.inForce, session.over]).toEqual(["at arming", true])
  })

  it("is not forgotten by an undo that fails, and paid by one that works", () => {
    let failing = true
    const session = new Staged({ openForMs: 10_000 }, ({ type }) =>
      type === "restore" && failing ? { end: "fails" } : undefined,
    )
    session.plain()
    session.pass(2000)
    const undone = session.command({ command: "undo" })
    session.pass(3000)
    expect([undone()?.event, session.record.debt?.dueMs]).toEqual(["rollback-failed", 11_000])
    failing = false
    session.command({ command: "undo" })
    session.pass(3000)
    expect([session.record.debt, session.inForce]).toEqual([undefined, "at arming"])
  })

  it("is put off by another open, and done once when an undo pays it while it waits", () => {
    const session = new Staged({ openForMs: 10_000 })
    session.plain()
    session.pass(8000)
    session.plain()
    session.pass(9000)
    expect(session.inForce).toBe("open")
    session.command({ command: "undo" }) // until 20 s; the rollback would be due at 18 s
    session.pass(10_000)
    expect(session.events.filter((event) => event === rolledBack)).toHaveLength(1)
  })
})

describe("the mark of an open", () => {
  it("is there before it begins, says when its rules are kept, and goes when it has settled", () => {
    const session = new Staged()
    const marks: (string | undefined)[] = []
    session.onEffect = (effect) => effect.type === "mark" && marks.push(effect.state)
    session.plain()
    expect(marks).toEqual(["begun"])
    session.pass(2000)
    expect(marks).toEqual(["begun", "kept", undefined])
  })

  it("stays until the last of several has settled", () => {
    const session = new Staged()
    session.plain()
    session.pass(100)
    session.plain()
    session.pass(1000)
    expect(session.disk.mark).toBe("begun")
    session.pass(5000)
    expect(session.disk.mark).toBeUndefined()
  })

  it.each(["begun", "kept"] as const)(
    "has the next guard end an open that was %s when it was killed",
    (how) => {
      const session = new Staged({ openForMs: 20_000 })
      session.plain()
      session.pass(how === "begun" ? 100 : 600)
      expect(session.disk.mark).toBe(how)
      session.kill(() => false)
      session.resume()
      session.pass(2000)
      expect([session.inForce, session.disk.mark]).toEqual(["open", undefined])
      expect(session.rulesOf(session.record.lastOpen)).toBe("at arming")
      session.pass(30_000)
      expect(session.inForce).toBe("at arming")
    },
  )
})

describe("what an open leaves alone", () => {
  const obstacle = { kind: "routing", where: "an `ip rule` for fwmark 0x7" } as const
  const seen = { found: [obstacle], notLooked: [{ kind: "traffic-control", why: "tc is missing" }] } as const

  it("is looked for when all else is done, for the one who knocked, and told before the verified answer", () => {
    const session = new Staged()
    session.survey = seen
    const order: string[] = []
    session.onEffect = (effect) => {
      if (["settle", "survey", "answer"].includes(effect.type)) order.push(effect.type)
      if (effect.type === "survey") expect(effect.origin).toEqual({ source: "192.0.2.2", device: "any" })
    }
    const answered = session.knock("reset")
    session.pass(2000)
    expect(answered()).toEqual(["opened false", "opened true"])
    expect(order).toEqual(["answer", "settle", "survey", "answer"])
    const facts = {
      mayStop: ["routing: an `ip rule` for fwmark 0x7"],
      notLookedAt: ["traffic-control: tc is missing"],
    }
    expect(session.emitted.find(({ event }) => event === "opened")).toMatchObject({
      code: "done",
      hint: "what an open leaves alone and can stop packets: routing: an `ip rule` for fwmark 0x7; not looked at: traffic-control: tc is missing",
      facts,
    })
    expect(session.record.watch.survey).toBe(seen)
    session.command({ command: "undo" })
    session.pass(5000)
    expect(session.record.watch.survey).toBeUndefined()
  })

  it("is looked for in the time that is left until nobody waits for the verified answer any more", () => {
    const limits = [100, 1500, 5000].map((settlesMs) => {
      const session = new Staged({}, ({ type }) => (type === "settle" ? { takesMs: settlesMs } : undefined))
      let limit = 0
      session.onEffect = (effect) => {
        if (effect.type === "survey") limit = effect.limitMs
      }
      session.knock("reset")
      session.pass(20_000)
      return limit
    })
    expect(limits).toEqual([1500, 501, 300]) // keeping takes 499 ms
  })

  it("is not looked for by the open that a session ends with", () => {
    const session = new Staged({ onExpiry: "reset" })
    const looked: string[] = []
    session.onEffect = ({ type }) => looked.push(type)
    session.pass(70_000)
    expect([session.over, looked.includes("settle"), looked.includes("survey")]).toEqual([true, true, false])
  })
})

describe("a reset that finds the firewall open", () => {
  it("is told so, and an open that changes something is not", () => {
    const session = new Staged()
    const told = [session.knock("reset")]
    session.pass(2000)
    told.push(session.knock("reset"))
    session.pass(2000)
    session.kernel = { rules: "others", state: "shut" }
    told.push(session.knock("reset"))
    session.pass(2000)
    expect(told.map((answered) => answered())).toEqual([
      ["opened false", "opened true"],
      ["opened false", "open-already true"],
      ["opened false", "opened true"],
    ])
    const said = session.emitted.filter(({ event }) => event === "opened").map(({ message }) => message)
    expect(said.map((message) => message.includes("open already"))).toEqual([false, true, false])
  })

  it("is an open like any other with --hard", () => {
    const session = new Staged()
    session.knock("reset")
    session.pass(2000)
    const hard = session.knock("reset", undefined, [], true)
    session.pass(2000)
    expect(hard()).toEqual(["opened false", "opened true"])
  })
})

describe("the watch for what locks again", () => {
  it("reports what appears after an open once, and again when it went and came back", () => {
    const session = new Staged({ timeoutMs: 600_000 })
    const reLocked = (): number => session.events.filter((event) => event === "re-locked").length
    session.plain()
    session.pass(20_000)
    expect(reLocked()).toBe(0)
    session.kernel = { rules: "others", state: "shut" }
    session.pass(20_000)
    expect(reLocked()).toBe(1)
    session.kernel = { rules: "nothing", state: "flushed" }
    session.pass(5000)
    session.kernel = { rules: "others", state: "shut" }
    session.pass(5000)
    expect([reLocked(), session.record.watch.reLocks]).toEqual([2, 2])
  })

  it("says of rules that somebody at a terminal may have written no more than that", () => {
    const session = new Staged({ timeoutMs: 600_000 })
    const said = () => session.emitted.findLast(({ event }) => event === "re-locked")
    const lockAgain = (): void => {
      session.plain()
      session.pass(5000)
      session.kernel = { rules: "others", state: "shut" }
      session.pass(5000)
    }
    lockAgain()
    expect(said()).toMatchObject({ message: "something locks again: something", facts: { terminals: [] } })
    session.terminals = ["pts/0 (root)"]
    lockAgain()
    expect(said()).toMatchObject({
      code: "state-unknown",
      message:
        "rules that drop were added since the open: something; a terminal was in use just then: pts/0 (root)",
      hint: "if it was you, all is well; else stop what loads these rules, then knock again",
      facts: { reLocks: 2, terminals: ["pts/0 (root)"] },
    })
  })

  it("asks for the terminals that were in use since the look before, however long ago that was", () => {
    const slow = { takesMs: 1000 }
    const session = new Staged({ timeoutMs: 600_000 }, ({ type }) => (type === "look" ? slow : undefined))
    const since: number[] = []
    session.onEffect = (effect) => {
      if (effect.type === "look") since.push(effect.sinceMs)
    }
    session.plain()
    session.pass(20_000)
    expect(since.slice(0, 3)).toEqual([2000, 3000, 3000])
  })

  it("goes on behind an undo that had nothing to undo, or that failed", () => {
    let fails = false
    const session = new Staged({ timeoutMs: 600_000 }, ({ type }) =>
      type === "restore" && fails ? { end: "fails" } : undefined,
    )
    session.kernel = { rules: "nothing", state: "flushed" }
    session.plain()
    session.pass(3000)
    session.command({ command: "undo" })
    session.pass(1000)
    fails = true
    session.knock("rollback")
    session.pass(5000)
    session.kernel = { rules: "others", state: "shut" }
    session.pass(5000)
    expect(session.events).toContain("re-locked")
  })

  it("says nothing of what a restore locks, not even by a look that was under way", () => {
    const session = new Staged({}, ({ type }) => (type === "look" ? { takesMs: 5000 } : undefined))
    session.plain()
    session.pass(4000)
    session.command({ command: "undo" })
    session.pass(20_000)
    expect([session.inForce, session.events.includes("re-locked")]).toEqual(["at arming", false])
  })
})
