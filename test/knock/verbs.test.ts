import { describe, expect, it } from "vitest"
import { verbNames, verbOf, verbs, verbsThat } from "../../src/knock/verbs.ts"

describe("the verbs", () => {
  it("have the codes of knock-protocol.md, section 4, and no other code is a verb", () => {
    const codes = Object.fromEntries(verbNames.map((verb) => [verb, verbs[verb].code]))
    expect(codes).toEqual({ probe: 1, reset: 2, rollback: 3, confirm: 4 })
    const known = Array.from({ length: 256 }, (_, code) => verbOf(code))
    expect(known).toEqual([
      undefined,
      "probe",
      "reset",
      "rollback",
      "confirm",
      ...new Array(251).fill(undefined),
    ])
  })

  it("go one-way after silence only where no challenge is needed", () => {
    for (const verb of verbNames) expect(verbs[verb].opens && verbs[verb].needsChallenge).toBe(false)
  })

  it("are told by what they have in common", () => {
    expect(verbsThat(({ opens }) => opens)).toBe("reset")
    expect(verbsThat(({ needsChallenge }) => !needsChallenge)).toBe("reset and probe")
    expect(verbsThat(() => true, "or")).toBe("reset, probe, rollback or confirm")
    expect(verbsThat(() => false)).toBe("")
  })
})
