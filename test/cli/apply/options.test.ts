import { describe, expect, it } from "vitest"
import { applyMain } from "../../../src/cli/apply/command-line.ts"
import { type ApplyOptionTexts, checkApplyOptions } from "../../../src/cli/apply/options.ts"
import type { Fault } from "../../../src/errors.ts"

const plain: ApplyOptionTexts = { confirm: true, confirmWithin: "60s", timeout: "5m" }

const codeOf = (texts: Partial<ApplyOptionTexts>): string => {
  try {
    checkApplyOptions("rules.sh", { ...plain, ...texts })
    return "taken"
  } catch (thrown) {
    return (thrown as Fault).code
  }
}

/** The command line as typed, up to the point where it would touch anything. */
async function typed(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: "", err: "" }
  const code = await applyMain(
    args,
    {
      env: {},
      stdin: process.stdin,
      stdout: { write: (text: string) => (said.out += text) },
      stderr: { write: (text: string) => (said.err += text) },
    },
    { onInterrupt: () => {} },
  )
  return { code, ...said }
}

describe("fw-apply's options", () => {
  it("have the promised defaults", () => {
    expect(checkApplyOptions("rules.sh", plain)).toMatchObject({
      file: "rules.sh",
      withinMs: 60_000,
      timeoutMs: 300_000,
      force: false,
      save: false,
      format: undefined,
    })
    expect(checkApplyOptions("-", { ...plain, confirm: false })).toMatchObject({ withinMs: 0 })
  })

  it.each<[Partial<ApplyOptionTexts>, string]>([
    [{ confirmWithin: "4s" }, "usage"],
    [{ confirmWithin: "2h" }, "usage"],
    [{ confirmWithin: "1h" }, "taken"],
    [{ format: "pf" }, "usage"],
    [{ format: "iptables-save" }, "taken"],
    [{ print: "-", json: true }, "usage"],
    [{ print: "out", save: true }, "usage"],
    [{ timeout: "0s" }, "usage"],
  ])("%j: %s", (texts, code) => expect(codeOf(texts)).toBe(code))
})

describe("fw-apply's command line", () => {
  it("begins its help with an example, which fits a screen", async () => {
    const { code, out } = await typed("--help")
    expect([code, out.startsWith("Example:\n")]).toEqual([0, true])
    expect(out.split("\n").every((line) => line.length <= 90)).toBe(true)
    expect(out.split("\n").length).toBeLessThanOrEqual(45)
  })

  it.each([
    [["rules.sh", "--chek"], "--check"],
    [["rules.sh", "--confirm-whithin", "9s"], "--confirm-within"],
    [["rules.sh", "more.sh"], "more.sh"],
    [[], "FILE"],
  ])("%j: names %s", async (args, named) => {
    const { code, err } = await typed(...args)
    expect(code).toBe(64)
    expect(err).toContain(named)
  })
})
