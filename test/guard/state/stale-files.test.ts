import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { removeLeftovers } from "../../../src/guard/state/stale-files.ts"

describe("what killed guards left", () => {
  const folder = mkdtempSync(join(tmpdir(), "leftovers-"))
  afterAll(() => rmSync(folder, { recursive: true }))

  it("goes, and nothing of a guard that lives", () => {
    const stay = ["control.7.sock", "control.sock", "journal.json", "guard.stderr"]
    const go = ["control.8.sock", "control.8.sock.stale", ".journal.json.8.new", ".journal.json.7.new"]
    for (const name of [...stay, ...go]) writeFileSync(join(folder, name), "")
    removeLeftovers(folder, (pid) => pid === 7)
    expect(readdirSync(folder).sort()).toEqual(stay.sort())
  })
})
