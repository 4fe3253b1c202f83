import { expect, it } from "vitest"
import type { ArmedFirewall } from "../../../src/firewall/open/contract.ts"
import { keep } from "../../../src/guard/runtime/open.ts"
import { Snapshots } from "../../../src/guard/state/snapshots.ts"
import { VirtualTime } from "../../support/virtual-time.ts"

it("does not wait for a snapshot that hangs, and does not take it when it comes too late", async () => {
  const clock = new VirtualTime()
  let answer: () => void = () => {}
  const hanging = new Promise<void>((resolve) => {
    answer = resolve
  })
  const saved: string[] = []
  const snapshots = new Snapshots({
    run: async () => {
      await hanging
      throw new Error("too late")
    },
    clock,
    stateFolder: "/nonexistent",
    runtimeFolder: "/nonexistent",
    emit: ({ event }) => saved.push(event),
  })
  const firewall: Pick<ArmedFirewall, "opened"> = {
    opened: async () => ({ asleep: [], mark: "", legacyAccepts: [] }),
  }
  const effect = { type: "keep", task: 1, always: false, isOpen: false, cutOff: undefined } as const
  const kept = keep(firewall as ArmedFirewall, "all", snapshots, {
    ...effect,
    lastOpen: undefined,
    arming: undefined,
  })
  await new Promise((resolve) => setImmediate(resolve))
  await clock.pass(75_000)
  expect(await kept).toEqual({
    type: "kept",
    task: 1,
    snapshot: undefined,
    failures: ["keep: not done after 1m 15s"],
  })
  answer()
  await clock.pass(1000)
  expect(saved).toEqual([])
})
