import { describe, expect, it } from "vitest"
import { type OpenFacts, openLine, tellOpen } from "../../../../src/guard/machine/outcomes/open-since.ts"

const now = Date.parse("2026-11-27T20:45:00")
const facts: OpenFacts = {
  ...{ sinceMs: Date.parse("2026-11-27T20:30:00"), scope: "all", whole: true, dropping: 0, undoable: true },
}
const wayBack = "`fw-watchdog undo` puts the rules back"

describe("an open that is in force", () => {
  it.each<[Partial<OpenFacts>, string]>([
    [{}, `the firewall is OPEN since 20:30: nothing filters here; ${wayBack}`],
    [{ dropping: 2 }, `the firewall is OPEN since 20:30, but 2 can drop; ${wayBack}`],
    [{ scope: "filter" }, `the filter tables of iptables are OPEN since 20:30; ${wayBack}`],
    [
      { whole: false },
      `the firewall was opened at 20:30, and it is not known for sure what filters here now; ${wayBack}`,
    ],
    [
      { undoable: false },
      "the firewall is OPEN since 20:30: nothing filters here; the rules from before it are not there to be put back by an undo",
    ],
    [
      { sinceMs: Date.parse("2026-11-25T20:30:00") },
      `the firewall is OPEN since 2026-11-25 20:30: nothing filters here; ${wayBack}`,
    ],
  ])("is told as far as it is known: %j", (other, line) => {
    expect(openLine({ ...facts, ...other }, now)).toBe(line)
  })

  it("is told with a doubt where nobody has looked since", () => {
    const { dropping: _, ...unseen } = facts
    expect(openLine(unseen, now)).toBe(
      `the firewall is OPEN since 20:30, unless somebody has loaded rules since; ${wayBack}`,
    )
  })

  it("takes no word away from an open that did not work", () => {
    const failed = { event: "open-failed", code: "state-unknown", message: "it failed: x" } as const
    expect(tellOpen(failed, { ...facts, whole: false }, now)).toMatchObject({
      ...{ event: "open-failed", code: "state-unknown", message: `it failed: x; ${wayBack}` },
      facts: { openSinceMs: facts.sinceMs, undoable: true },
    })
  })
})
