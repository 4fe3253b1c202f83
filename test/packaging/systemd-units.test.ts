import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { findProgram } from "../../src/system/process/find-program.ts"

const analyze = findProgram("systemd-analyze")
if (analyze === undefined) process.stderr.write("skipped: the units: systemd-analyze is not installed\n")

const units = fileURLToPath(new URL("../../scripts/systemd", import.meta.url))
const run = (...args: string[]) => spawnSync(analyze as string, args, { encoding: "utf8" })

describe.skipIf(analyze === undefined).each(readdirSync(units))("%s", (name) => {
  const folder = mkdtempSync(join(tmpdir(), "units-"))
  afterAll(() => rmSync(folder, { recursive: true }))

  it("is accepted by systemd", () => {
    // What it starts and names is there where the package is; the rest is judged as it stands.
    for (const unit of readdirSync(units)) {
      const text = readFileSync(join(units, unit), "utf8")
      writeFileSync(join(folder, unit), text.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true"))
    }
    const verified = run("verify", "--man=no", join(folder, name))
    expect([verified.stderr, verified.status]).toEqual(["", 0])
  })

  it("leaves itself little to do harm with: 3.5 at most on systemd's scale of exposure", () => {
    const judged = run("security", "--offline=true", "--no-pager", "--threshold=35", join(units, name))
    expect([judged.status, judged.stdout.split("\n").filter((line) => line.includes("Overall"))]).toEqual([
      0,
      [expect.stringContaining("exposure level")],
    ])
  })
})
