import { spawnSync } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { withScratchFolder } from "../../src/system/files/scratch-folder.ts"

const parent = mkdtempSync(join(tmpdir(), "fw-scratch-test-"))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

it("is there for one task, for nobody else, and gone after it, failed or not", async () => {
  const path = await withScratchFolder(async (folder) => {
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    writeFileSync(join(folder, "file"), "")
    return folder
  }, parent)
  expect(existsSync(path)).toBe(false)
  await expect(
    withScratchFolder(async () => Promise.reject(new Error("on purpose")), parent),
  ).rejects.toThrow("on purpose")
  expect(readdirSync(parent)).toEqual([])
})

it("takes away what dead processes left, and nothing else", async () => {
  const dead = spawnSync("true").pid
  const elsewhere = join(parent, "elsewhere")
  mkdirSync(elsewhere)
  writeFileSync(join(elsewhere, "precious"), "")
  const here = statSync("/proc/self/ns/pid").ino
  mkdirSync(join(parent, `fw-watchdog-scratch-${dead}.${here}-aaaaaa`))
  const kept = [`${process.pid}.${here}-bbbbbb`, `${dead}.1-dddddd`].map(
    (one) => `fw-watchdog-scratch-${one}`,
  )
  for (const name of kept) mkdirSync(join(parent, name))
  const link = `fw-watchdog-scratch-${dead}.${here}-cccccc`
  symlinkSync(elsewhere, join(parent, link))
  await withScratchFolder(async () => {}, parent)
  expect(readdirSync(parent).sort()).toEqual(["elsewhere", ...kept, link].sort())
  expect(existsSync(join(elsewhere, "precious"))).toBe(true)
})
