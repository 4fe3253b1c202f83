import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { plainestSession } from "../../../src/guard/machine/configuration.ts"
import { newSession } from "../../../src/guard/machine/record.ts"
import { DiskRecord } from "../../../src/guard/runtime/record-writer.ts"
import { readLeft } from "../../../src/guard/state/left-file.ts"
import { labUnavailable } from "../../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: a full runtime folder: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("a runtime folder that is full", () => {
  const folder = mkdtempSync(join(tmpdir(), "fw-full-"))
  beforeAll(() => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k,mode=0700", "none", folder])
  })
  afterAll(() => {
    execFileSync("umount", ["-l", folder])
    rmSync(folder, { recursive: true })
  })

  it("takes what outlives the session in the place of its journal", () => {
    const nobody = { follow: () => {} } as never
    const events: string[] = []
    const disk = new DiskRecord(folder, nobody, nobody, ({ event }) => events.push(event))
    const record = newSession(plainestSession, undefined, { bootMs: 1, wallMs: 1 })
    expect(disk.write(record)).toBe(true)
    expect(() => writeFileSync(join(folder, "filler"), Buffer.alloc(1024 * 1024))).toThrow(/ENOSPC/)
    expect(disk.write(record)).toBe(false)
    const rules = { path: "/somewhere" }
    const since = { atMs: 5, scope: "all", whole: true } as const
    disk.leave({ open: { since, rules, earlier: undefined }, lastChange: undefined }, false)
    disk.close()
    expect(existsSync(join(folder, "journal.json"))).toBe(false)
    expect(readLeft(folder)?.open).toEqual({ since, snapshot: "/somewhere" })
  })
})
