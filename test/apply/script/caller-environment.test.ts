import { spawnSync } from "node:child_process"
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { callerEnvironment } from "../../../src/apply/script/caller-environment.ts"

describe("the environment of the caller", () => {
  it("is our own where nobody has taken it away", () => {
    expect(callerEnvironment({ WAN: "eth0", NONE: undefined })).toEqual({ WAN: "eth0" })
  })

  it("comes whole through the package's launcher, and nothing of it reaches Node", () => {
    const folder = mkdtempSync(join(tmpdir(), "fw-launcher-"))
    try {
      // The launcher as scripts/packaging/programs writes it, with a Node that says what it was given.
      const text = readFileSync("scripts/packaging/programs", "utf8")
      const [, before = "", caller = ""] = /before='(e=.*?)' caller='(.+?)'/.exec(text) ?? []
      const launcher = readFileSync("scripts/packaging/launcher.sh", "utf8")
        .replaceAll("@LIB@", folder)
        .replace("@BEFORE@", before.replace("\\n", "\n"))
        .replace("@CALLER@", caller)
        .replace("@OPTIONS@", "")
        .replaceAll(/@\w+@/g, "x")
      writeFileSync(join(folder, "launcher"), launcher)
      writeFileSync(join(folder, "node"), "#!/bin/sh\nexec env\n")
      for (const name of ["launcher", "node"]) chmodSync(join(folder, name), 0o755)
      const given = {
        WAN: "eth0",
        ODD: "a b\nc=d 'e\"",
        NODE_OPTIONS: "--inspect",
        PATH: "/opt/bin:/usr/bin:/bin",
      }
      const seen = spawnSync(join(folder, "launcher"), [], { encoding: "utf8", env: given })
      expect(seen.stderr).toBe("")
      const own = Object.fromEntries(seen.stdout.split("\n").map((line) => line.split(/=(.*)/s).slice(0, 2)))
      expect(own.NODE_OPTIONS).toBeUndefined()
      expect(own.PATH).toBe("/usr/sbin:/usr/bin:/sbin:/bin")
      expect(callerEnvironment(own)).toMatchObject(given)
      const large = spawnSync(join(folder, "launcher"), [], {
        encoding: "utf8",
        env: { ...given, LARGE: "x".repeat(100_000) },
      })
      expect(large.stdout).toMatch(/^FW_APPLY_ENVIRONMENT=-$/m)
      expect(() => callerEnvironment({ FW_APPLY_ENVIRONMENT: "-" })).toThrow(/larger than 90 kB/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
