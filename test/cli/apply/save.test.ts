import { describe, expect, it } from "vitest"
import { saveAsConfirmed } from "../../../src/cli/apply/save.ts"
import { openTerminal } from "../../../src/cli/terminal/terminal.ts"
import type { Outcome } from "../../../src/report/outcome.ts"

const stream = { write: () => true }
const terminal = openTerminal("fw-apply", { stdin: process.stdin, stdout: stream, stderr: stream, env: {} })
const confirmed = (facts: NonNullable<Outcome["facts"]>): Outcome => ({
  ...{ event: "confirmed", code: "done", message: "the change stays", facts: { changed: true, ...facts } },
})

describe("--save of a change that was confirmed", () => {
  it.each([
    [
      "nobody could look at what is in force",
      { candidate: "/x", notCompared: "nft crashed" },
      /nobody knows/,
    ],
    ["the rules in force are in memory only", { candidate: "" }, /in memory only/],
    ["they are gone", { candidate: "/nonexistent/snapshot" }, /cannot open snapshot/],
  ])("is refused where %s, and the change stays", async (_, facts, why) => {
    const outcome = await saveAsConfirmed(confirmed(facts), terminal)
    expect(outcome).toMatchObject({ event: "not-saved", code: "state-unknown", facts: { saved: [] } })
    expect(outcome.message).toMatch(why)
  })
})
