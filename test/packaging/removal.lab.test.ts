import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { labUnavailable } from "../support/lab/lab.ts"
import "../support/lab/programs.ts" // dist/ has to be there

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

if (labUnavailable) process.stderr.write(`skipped: removal of the package: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("removal of the package", () => {
  it("waits for the revert of a change that waits, and leaves the session of another network namespace alone", () => {
    const args = ["--net", "--mount", "bash", path("removal.sh"), path("../.."), process.execPath]
    const run = spawnSync("unshare", args, { encoding: "utf8", timeout: 240_000 })
    expect([run.stderr, run.stdout.trim().split("\n")]).toEqual([
      "",
      [
        "changed",
        "named",
        "reverted",
        "ended",
        "goes-on",
        "cleared",
        "kept",
        "still-goes-on",
        "nothing-left",
      ],
    ])
  })
})
