import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { readMade, writeMade } from "../../../src/guard/state/made-file.ts"

const folder = mkdtempSync(join(tmpdir(), "fw-made-"))
afterAll(() => rmSync(folder, { recursive: true }))

it("what changes have made is read as it was written; nothing where nobody knows", () => {
  expect(readMade(folder)).toEqual(new Set())
  writeMade(folder, ["ip filter gate", "ipset we ird"])
  expect(readMade(folder)).toEqual(new Set(["ip filter gate", "ipset we ird"]))
  const path = join(folder, "made.json")
  chmodSync(path, 0o666)
  expect(readMade(folder)).toEqual(new Set())
  for (const text of ["[1]", "{", '{"a":[]}']) {
    writeFileSync(path, text)
    chmodSync(path, 0o600)
    expect(readMade(folder)).toEqual(new Set())
  }
})
