import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { labUnavailable } from "../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: a soak: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("scripts/soak", () => {
  it("begins and ends, with nothing to complain of", async () => {
    const { stdout } = await promisify(execFile)("scripts/soak", ["--minutes", "0", "--seed", "7"])
    expect(stdout).toContain("soak: seed 7: 0 knocks sent, 0 answered, 0 complaints")
  }, 180_000)
})
