import { describe, expect, it } from "vitest"
import type { ArmedFirewall } from "../../../src/firewall/open/contract.ts"
import { FirewallWork } from "../../../src/guard/rules/operations.ts"
import { OpensUnderWay } from "../../../src/guard/state/open-marker.ts"
import type { Outcome } from "../../../src/report/outcome.ts"
import { VirtualTime } from "../../support/virtual-time.ts"

/**
 * The real kernel is in the lab tests; here is one that only knows open and shut, so that a way back and an open meet at
 * a moment of our choice. Both take time, and whichever writes last wins, as in the kernel.
 */
function working() {
  const time = new VirtualTime()
  const events: Outcome[] = []
  const marks: string[] = []
  const kernel = { open: false, writes: [] as string[] }
  const takes = (ms: number): Promise<void> => new Promise((resolve) => time.after(ms, resolve))
  const write = (open: boolean, who: string): void => {
    kernel.open = open
    kernel.writes.push(who)
  }
  const firewall: Pick<ArmedFirewall, "open" | "verify"> = {
    open() {
      const changed = !kernel.open
      write(true, "open")
      const settled = takes(100).then(() => {
        write(true, "settle")
        return { ok: true, changed, failures: [], stillDropping: [] }
      })
      return { committed: Promise.resolve({ ok: true, changed, failures: [] }), settled }
    },
    verify: async () => [],
  }
  const work = new FirewallWork({
    run: async () => {
      throw new Error("nothing is run here")
    },
    clock: time,
    firewall: firewall as ArmedFirewall,
    rules: {
      keep: async () => undefined,
      goBack: async () => {
        await takes(1000)
        write(false, "restore")
        return { end: "restored", ok: true, changed: true, failures: [], left: [], differences: [] }
      },
    },
    underWay: new OpensUnderWay((state) => marks.push(state ?? "settled")),
    scope: "all",
    emit: (outcome) => events.push(outcome),
  })
  return { work, time, kernel, events, marks }
}

describe("opens and ways back that meet", () => {
  it("leaves it open when the open was asked for last, and opens at once all the same", async () => {
    const { work, time, kernel } = working()
    const back = work.goBack("arming")
    await time.pass(500)
    const told: string[] = []
    const opened = work.open(false, (verdict, verified) => told.push(`${verdict} ${verified}`))
    await time.pass(1)
    expect(kernel.open).toBe(true)
    expect(told).toEqual(["opened false"])
    await time.pass(450)
    expect(told).toEqual(["opened false"]) // not before it is so
    await time.pass(1000)
    await Promise.all([back, opened])
    expect(kernel).toMatchObject({ open: true, writes: ["open", "settle", "restore", "open", "settle"] })
    expect(told).toEqual(["opened false", "opened true"])
    work.close()
  })

  it("leaves it shut when the way back was asked for last", async () => {
    const { work, time, kernel, marks } = working()
    const opened = work.open(false)
    expect(marks).toEqual(["begun"]) // a guard that is killed from here on leaves word of it
    const back = work.goBack("arming")
    await time.pass(3000)
    await Promise.all([opened, back])
    expect(marks).toEqual(["begun", "settled"])
    expect(kernel).toMatchObject({ open: false, writes: ["open", "settle", "restore"] })
    work.close()
  })

  it("carries out every one of many in any order, and ends as the last one said", async () => {
    for (const order of ["obobbo", "bobbob", "oobb"]) {
      const { work, time, kernel, events } = working()
      for (const one of order) {
        if (one === "o") void work.open(false)
        if (one === "b") void work.goBack("arming")
        await time.pass(70)
      }
      let idle = false
      void work.idle().then(() => {
        idle = true
      })
      await time.pass(30_000)
      expect([order, idle, kernel.open]).toEqual([order, true, order.endsWith("o")])
      expect(events).toHaveLength(order.length)
      work.close()
    }
  })

  it("is not idle before all of it is done", async () => {
    const { work, time } = working()
    let idle = false
    void work.goBack("arming")
    void work.idle().then(() => {
      idle = true
    })
    await time.pass(900)
    expect(idle).toBe(false)
    await time.pass(200)
    expect(idle).toBe(true)
  })
})
