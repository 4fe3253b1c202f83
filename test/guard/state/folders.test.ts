import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { Fault } from "../../../src/errors.ts"
import { foldersFor, preparePrivateFolder } from "../../../src/guard/state/folders.ts"

const namespaces = (own: string, first: string) => (path: string) => (path === "/proc/1/ns/net" ? first : own)

describe("foldersFor", () => {
  it("is /run and /var/lib in the first network namespace, a folder named by the inode in any other", () => {
    expect(foldersFor({}, namespaces("net:[1]", "net:[1]"))).toEqual({
      runtime: "/run/fw-watchdog",
      state: "/var/lib/fw-watchdog",
    })
    expect(foldersFor({}, namespaces("net:[42]", "net:[1]")).runtime).toBe("/run/fw-watchdog/42")
  })

  it("follows systemd's RUNTIME_DIRECTORY and STATE_DIRECTORY", () => {
    const environment = { RUNTIME_DIRECTORY: "/run/a", STATE_DIRECTORY: "/var/lib/b" }
    expect(foldersFor(environment, namespaces("net:[7]", "net:[1]"))).toEqual({
      runtime: "/run/a/7",
      state: "/var/lib/b/7",
    })
  })
})

describe("preparePrivateFolder", () => {
  const base = mkdtempSync(join(tmpdir(), "fw-folders-"))
  afterAll(() => rmSync(base, { recursive: true }))

  it("makes folders of mode 0700 and closes one that is open to others", () => {
    const path = join(base, "a", "b")
    preparePrivateFolder(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
    chmodSync(path, 0o755)
    preparePrivateFolder(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
  })

  it("refuses a link, which could point anywhere", () => {
    symlinkSync("/tmp", join(base, "link"))
    expect(() => preparePrivateFolder(join(base, "link"))).toThrow(Fault)
  })
})
