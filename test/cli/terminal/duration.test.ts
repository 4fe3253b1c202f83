import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseDuration } from "../../../src/cli/terminal/duration.ts"
import { Fault } from "../../../src/errors.ts"

const anything = { min: 0, max: Number.MAX_SAFE_INTEGER }
const session = { min: 10_000, max: 7 * 86_400_000 }

function faultOf(action: () => unknown): Fault {
  try {
    action()
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown
    throw thrown
  }
  throw new Error("no fault was thrown")
}

describe("parseDuration", () => {
  it.each([
    ["250ms", 250],
    ["90s", 90_000],
    ["30m", 1_800_000],
    ["2h", 7_200_000],
    ["7d", 604_800_000],
    ["0s", 0],
    ["010s", 10_000],
  ])("reads %s as %d ms", (text, milliseconds) => {
    expect(parseDuration(text, "--wait", anything)).toBe(milliseconds)
  })

  it.each([
    "",
    "s",
    "10",
    "-5s",
    "+5s",
    "1.5h",
    "1h30m",
    "5 s",
    " 5s",
    "5s\n",
    "5S",
    "5w",
    "0x5s",
    "٣s",
    "9999999999999s",
  ])("refuses %j as usage", (text) => {
    expect(faultOf(() => parseDuration(text, "--wait", anything)).code).toBe("usage")
  })

  it("names the option, the value got and what was wanted", () => {
    const fault = faultOf(() => parseDuration("10", "--timeout", session))
    expect(fault.message).toContain("--timeout")
    expect(fault.message).toContain('"10"')
    expect(fault.hint).toContain("10s")
    expect(faultOf(() => parseDuration("9s", "--timeout", session)).message).toContain("10s to 7d")
  })

  it("holds its bounds, both ends included", () => {
    expect(parseDuration("10s", "--timeout", session)).toBe(session.min)
    expect(parseDuration("7d", "--timeout", session)).toBe(session.max)
    expect(faultOf(() => parseDuration("9999ms", "--timeout", session)).code).toBe("usage")
    expect(faultOf(() => parseDuration("604801s", "--timeout", session)).code).toBe("usage")
  })

  it("never throws anything but a usage fault", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        try {
          expect(parseDuration(text, "--wait", session)).toBeGreaterThanOrEqual(session.min)
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Fault)
          expect((thrown as Fault).code).toBe("usage")
        }
      }),
    )
  })
})
