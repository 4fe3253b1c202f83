import { describe, expect, it } from "vitest"
import type { RestoreReport } from "../../../src/firewall/restore/restore.ts"
import { Change, type ChangeDeps } from "../../../src/guard/change/change.ts"
import type { ChangeOrder } from "../../../src/guard/state/change-record.ts"
import type { Outcome } from "../../../src/report/outcome.ts"
import type { Connection } from "../../../src/system/tcp-connections.ts"
import { VirtualTime } from "../../support/virtual-time.ts"

const order: ChangeOrder = {
  id: "c1",
  candidate: "/run/candidate",
  rehearsed: "/run/rehearsed",
  withinMs: 60_000,
  force: false,
  save: false,
  sshPort: 22,
  client: "192.0.2.2",
  user: "ada",
}
const restored: RestoreReport = {
  end: "restored",
  ok: true,
  changed: true,
  failures: [],
  left: [],
  differences: [],
}
const connection = (remotePort: number): Connection => {
  return { localAddress: "192.0.2.1", localPort: 22, remoteAddress: "192.0.2.2", remotePort, inode: 0 }
}

/** A change whose rules take a second to put in force, and a second to take back. */
function changing({ journals = true, back = restored }: { journals?: boolean; back?: RestoreReport } = {}) {
  const time = new VirtualTime()
  const done: string[] = []
  const events: Outcome[] = []
  const over: boolean[] = []
  const takes = async <T>(what: string, result: T): Promise<T> => {
    await new Promise<void>((resolve) => time.after(1000, resolve))
    done.push(what)
    return result
  }
  const rules: ChangeDeps["rules"] = {
    prepare: async () => ({ paths: { before: "/state/before", candidate: "/state/candidate" } }) as never,
    apply: async (_sides, beforeChanging) => {
      beforeChanging()
      return await takes("apply", restored)
    },
    goBack: () => takes("back", back),
    resume: () => done.push("resume"),
    accept: () => done.push("accept"),
    forget: () => {},
  }
  let standing: readonly Connection[] = [connection(50_000)]
  const change = new Change({
    clock: time,
    rules,
    work: { replaceRules: (task) => task() },
    connections: () => standing,
    wayOf: () => ({ kind: "unknown" }),
    emit: (outcome) => events.push(outcome),
  })
  change.attach({ journal: () => journals, lastAtLeast: () => {}, changeOver: (clean) => over.push(clean) })
  const connect = (): void => {
    standing = [...standing, connection(50_001)]
  }
  return { change, time, done, events, over, connect }
}

describe("a change's time", () => {
  it("runs from the moment it is in force, through a sleep of the machine too", async () => {
    const { change, time, done, over } = changing()
    const applied = change.apply(order)
    await time.pass(1000)
    expect(await applied).toMatchObject({ event: "applied" })
    await time.pass(59_000)
    expect([done, change.status?.secondsLeft]).toEqual([["apply"], 1])
    await time.pass(2000)
    expect([done, change.status, over]).toEqual([["apply", "back"], undefined, [true]])
  })

  it("is over when it is over: a confirmation that comes while it goes back is refused", async () => {
    const { change, time, done, connect } = changing()
    void change.apply(order)
    await time.pass(1000)
    connect()
    await time.pass(60_500)
    expect(change.confirm(1)).toMatchObject({ event: "confirm-refused", code: "refused" })
    expect(change.confirmByKnock("192.0.2.2")).toBe("refused")
    await time.pass(1000)
    expect(done).toEqual(["apply", "back"])
  })

  it("is cut off by a rollback that is asked for while the rules change, and by the end of the session", async () => {
    for (const ask of ["rollBack", "close"] as const) {
      const { change, time, done } = changing()
      void change.apply(order)
      await time.pass(500)
      void change[ask]("because")
      await time.pass(2000)
      expect([done, change.status]).toEqual([["apply", "back"], undefined])
    }
  })
})

describe("a change", () => {
  it("stays when it is confirmed, and cannot go back any more", async () => {
    const { change, time, done, connect, events } = changing()
    void change.apply(order)
    await time.pass(1000)
    expect(change.confirm(1)).toMatchObject({ event: "confirm-refused" })
    connect()
    expect(change.confirmByKnock("192.0.2.3")).toBe("refused")
    expect(change.confirmByKnock("192.0.2.2")).toBe("confirmed")
    expect(change.confirmByKnock("192.0.2.2")).toBe("nothing-to-do")
    await time.pass(120_000)
    expect(await change.rollBack("late")).toMatchObject({ event: "nothing-to-confirm" })
    expect(done).toEqual(["apply", "accept"])
    expect(events.map(({ event }) => event)).toEqual(["applied", "confirmed"])
  })

  it("is not begun when a killed guard would not know of it, unless it is forced", async () => {
    const refused = changing({ journals: false })
    expect(await refused.change.apply(order)).toMatchObject({ event: "apply-refused", code: "refused" })
    expect([refused.done, refused.change.kept]).toEqual([[], {}])
    const forced = changing({ journals: false })
    const applied = forced.change.apply({ ...order, force: true })
    await forced.time.pass(1000)
    expect(await applied).toMatchObject({ event: "applied" })
  })

  it("goes back at once in a guard that comes after one that was killed half-way", async () => {
    const { change: killed, time: then } = changing()
    void killed.apply(order)
    await then.pass(500)
    const { change, time, done } = changing()
    change.resume(killed.kept.change, undefined)
    change.begin()
    await time.pass(1000)
    expect(done).toEqual(["resume", "back"])
  })

  it("says so when it could not be taken back", async () => {
    const { change, time, over } = changing({ back: { ...restored, end: "half", failures: ["no"] } })
    void change.apply(order)
    await time.pass(1000)
    const rolled = change.rollBack("asked for")
    await time.pass(1000)
    expect(await rolled).toMatchObject({ event: "rollback-failed", code: "state-unknown" })
    expect(over).toEqual([false])
    expect(change.last).toMatchObject({ id: "c1", outcome: { code: "state-unknown" } })
  })
})
