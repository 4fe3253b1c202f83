import { expect, it } from "vitest"
import type { RestoreReport } from "../../../../src/firewall/restore/report.ts"
import { takingAway, withTakenAway } from "../../../../src/guard/machine/outcomes/taken-away.ts"
import type { Outcome } from "../../../../src/report/outcome.ts"

const lines = Array.from({ length: 23 }, (_, number) => `nft ip filter -A INPUT -s 192.0.2.${number} -j DROP`)
const done: Outcome = { event: "rolled-back", code: "done", message: "back", facts: { end: "restored" } }
const report = (end: RestoreReport["end"], takenAway: readonly string[]): RestoreReport => ({
  ...{ end, ok: true, changed: true, failures: [], left: [], differences: [], takenAway },
})

it("what goes with a restore is told before and after, 20 lines of it, and counted", () => {
  expect(takingAway(lines)).toMatchObject({ event: "taking-away", facts: { takenAwayCount: 23 } })
  const told = withTakenAway(done, report("restored", lines))
  expect(told.facts).toMatchObject({ end: "restored", takenAwayCount: 23 })
  expect(told.facts?.takenAway).toEqual(lines.slice(0, 20))
  expect(told.message).toMatch(/^back; gone with it, since they came later: nft .*; and 18 more$/)
})

it("nothing is said to be gone where nothing is, or the restore did not work", () => {
  expect(withTakenAway(done, report("restored", []))).toBe(done)
  expect(withTakenAway(done, report("put-back", lines))).toBe(done)
  expect(withTakenAway(done, undefined)).toBe(done)
})
