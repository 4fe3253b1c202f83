import { describe, expect, it } from "vitest"
import { ListenerLog } from "../../../src/guard/listeners/log.ts"
import { RejectionCounts } from "../../../src/guard/listeners/rejection-counts.ts"
import type { Outcome } from "../../../src/report/outcome.ts"
import { VirtualTime } from "../../support/virtual-time.ts"

function logging() {
  const clock = new VirtualTime()
  const events: Outcome[] = []
  return { clock, events, log: new ListenerLog({ clock, emit: (outcome) => events.push(outcome) }) }
}

describe("the log of the listeners", () => {
  it("names a listener that ends again and again once a minute", async () => {
    const { clock, events, log } = logging()
    for (let second = 0; second < 90; second += 1) {
      log.ended("no capture")
      await clock.pass(1000)
    }
    log.ended("something else")
    expect(events.map(({ event }) => event)).toEqual([
      "listener-restarted",
      "listener-restarted",
      "listener-restarted",
    ])
  })

  it("tells of refusals at once and then once a minute", async () => {
    const { clock, events, log } = logging()
    const rejections = new RejectionCounts()
    for (let second = 0; second < 90; second += 1) {
      rejections.add({ stage: "plain", reason: "too-soon" })
      log.rejected(rejections, undefined)
      await clock.pass(1000)
    }
    expect(events.map(({ facts }) => facts)).toEqual([
      { rejected: { "plain/too-soon": 1 } },
      { rejected: { "plain/too-soon": 61 } },
    ])
  })
})
