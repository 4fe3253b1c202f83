import { describe, expect, it } from "vitest"
import { plainestSession, type SessionConfiguration } from "../../src/guard/configuration.ts"
import type { FirewallWork } from "../../src/guard/rules/operations.ts"
import { Session } from "../../src/guard/session.ts"
import type { Outcome } from "../../src/report/outcome.ts"
import { VirtualTime } from "../support/virtual-time.ts"

const configuration: SessionConfiguration = {
  ...plainestSession,
  timeoutMs: 60_000,
  plain: "reset-iptables",
  armedBy: { user: "ada", from: "", terminal: "" },
}

/** A session whose firewall takes its time: a second for an open, three for a way back. */
function armed({
  stuck = false,
  failing = 0,
  ...changes
}: Partial<SessionConfiguration> & { stuck?: boolean; failing?: number } = {}) {
  const time = new VirtualTime()
  const events: Outcome[] = []
  const done: string[] = []
  const journal: { deadlineMs: number; closeAgainMs: number }[] = []
  let underWay: Promise<unknown> = Promise.resolve()
  const takes = (ms: number, what: string): Promise<void> => {
    const one = underWay.then(() => new Promise<void>((resolve) => stuck || time.after(ms, resolve)))
    const finished = one.then(() => void done.push(what))
    underWay = finished
    return finished
  }
  const restored: Outcome = { event: "rolled-back", code: "done", message: "" }
  const notRestored: Outcome = { event: "rollback-failed", code: "rolled-back", message: "" }
  let failuresLeft = failing
  const work: Pick<
    FirewallWork,
    "open" | "goBack" | "idle" | "close" | "stillDropping" | "reLocks" | "opens"
  > = {
    open: () => takes(1000, "open"),
    goBack: (which) =>
      takes(3000, which).then(() => {
        failuresLeft -= 1
        return failuresLeft >= 0 ? notRestored : restored
      }),
    idle: async () => void (await underWay),
    close: () => {},
    stillDropping: [],
    reLocks: 0,
    opens: 0,
  }
  const session = new Session({
    clock: time,
    configuration: { ...configuration, ...changes },
    work: work as FirewallWork,
    backends: [],
    standbys: () => [],
    emit: (outcome) => events.push(outcome),
    changed: (state) => journal.push(state),
  })
  let ended = false
  void session.ended.then(() => {
    ended = true
  })
  session.begin()
  const plain = (): void =>
    session.plain({ type: "plain", source: "192.0.2.2", destination: "192.0.2.1", device: "any" })
  return { session, time, events, done, journal, plain, ended: () => ended }
}

describe("a session's end", () => {
  it("comes on time, and after it nothing opens", async () => {
    const { time, done, plain, ended } = armed()
    await time.pass(59_999)
    expect(ended()).toBe(false)
    await time.pass(1)
    expect(ended()).toBe(true)
    plain()
    await time.pass(5000)
    expect(done).toEqual([])
  })

  it("waits for what is under way, a way back of --open-for above all", async () => {
    const { time, done, plain, ended } = armed({ openForMs: 10_000 })
    await time.pass(49_000)
    plain() // goes back at 59 s, which takes until 62 s
    await time.pass(11_500)
    expect([done, ended()]).toEqual([["open"], false])
    await time.pass(2000)
    expect([done, ended()]).toEqual([["open", "arming"], true])
  })

  it("is told as it is to whoever disarms, extends or undoes meanwhile", async () => {
    const { session, time, done, journal, ended } = armed({ onExpiry: "rollback" })
    await time.pass(60_500)
    const written = journal.length
    expect(session.end("disarmed", "disarmed")).toMatchObject({ event: "ending", code: "refused" })
    expect(session.extend(60_000)).toMatchObject({ event: "ending", code: "refused" })
    expect(await session.undo()).toMatchObject({ event: "ending", code: "refused" })
    await time.pass(5000)
    expect([done, ended()]).toEqual([["arming"], true])
    expect(journal).toHaveLength(written)
  })

  it("comes all the same when what is owed never ends", async () => {
    const { time, events, done, ended } = armed({ onExpiry: "rollback", stuck: true })
    await time.pass(60_000 + 200_000)
    expect(ended()).toBe(true)
    expect(done).toEqual([])
    expect(events.slice(-2)).toMatchObject([{ event: "expiry-failed" }, { event: "expired" }])
  })

  it("is put off by extend, and the earlier one does nothing", async () => {
    const { session, time, ended } = armed()
    await time.pass(59_000)
    expect(session.extend(60_000)).toMatchObject({ event: "extended", facts: { secondsLeft: 61 } })
    await time.pass(60_500)
    expect(ended()).toBe(false)
    await time.pass(500)
    expect(ended()).toBe(true)
  })
})

describe("a session's owed way back", () => {
  it("is in the journal as soon as the open is on its way, and gone when it has been carried out", async () => {
    const { time, journal, plain } = armed({ openForMs: 10_000 })
    await time.pass(5000)
    plain()
    expect(journal.at(-1)?.closeAgainMs).toBeGreaterThan(0)
    await time.pass(14_000)
    expect(journal.at(-1)?.closeAgainMs).toBe(0)
  })
})

describe("a way back that fails", () => {
  it("is tried again after 10 s, 20 s, ..., until it works", async () => {
    const { time, done, journal, plain } = armed({ openForMs: 10_000, timeoutMs: 600_000, failing: 2 })
    await time.pass(5000)
    plain() // due at 15 s, and each time it fails 3 s later; looked at each second
    await time.pass(24_000)
    expect(done).toEqual(["open", "arming"])
    expect(journal.at(-1)?.closeAgainMs).toBe(29_000)
    await time.pass(27_000)
    expect(done).toEqual(["open", "arming", "arming", "arming"])
    expect(journal.at(-1)?.closeAgainMs).toBe(0)
    await time.pass(400_000)
    expect(done).toHaveLength(4)
  })

  it("is owed at the end of the session", async () => {
    const { time, done, plain, ended } = armed({ openForMs: 30_000, failing: 1 })
    await time.pass(20_000)
    plain() // due at 50 s, fails at 53 s, would be tried at 63 s
    await time.pass(44_000)
    expect([done, ended()]).toEqual([["open", "arming", "arming"], true])
  })
})

describe("what a session says", () => {
  it("names a listener that ends again and again once a minute", async () => {
    const { session, time, events } = armed({ timeoutMs: 600_000 })
    for (let second = 0; second < 90; second += 1) {
      session.listenerEnded("no capture")
      await time.pass(1000)
    }
    session.listenerEnded("something else")
    const restarts = events.filter(({ event }) => event === "listener-restarted")
    expect(restarts).toHaveLength(3)
  })

  it("tells of refusals at once and then once a minute", async () => {
    const { time, events, plain } = armed({ timeoutMs: 600_000 })
    for (let second = 0; second < 90; second += 1) {
      plain()
      plain() // too soon
      await time.pass(1000)
    }
    expect(events.filter(({ event }) => event === "rejected")).toHaveLength(2)
  })
})
