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
import { withScratchFolder } from "../../src/firewall/snapshot/scratch-folder.ts"

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
  mkdirSync(join(parent, `fw-watchdog-scratch-${dead}-aaaaaa`))
  mkdirSync(join(parent, `fw-watchdog-scratch-${process.pid}-bbbbbb`))
  symlinkSync(elsewhere, join(parent, `fw-watchdog-scratch-${dead}-cccccc`))
  await withScratchFolder(async () => {}, parent)
  expect(readdirSync(parent).sort()).toEqual(
    ["elsewhere", `fw-watchdog-scratch-${process.pid}-bbbbbb`, `fw-watchdog-scratch-${dead}-cccccc`].sort(),
  )
  expect(existsSync(join(elsewhere, "precious"))).toBe(true)
})
