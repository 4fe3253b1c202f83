import { execFileSync, spawn } from "node:child_process"
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Fault } from "../../src/errors.ts"
import { canonicalHost } from "../../src/secrets/host-name.ts"
import { readSecretFile } from "../../src/secrets/read-secret-file.ts"
import { forgetSecret, rememberSecret } from "../../src/secrets/remember.ts"
import { rememberedSecret, secretFolder } from "../../src/secrets/remembered.ts"
import { formatSecretLine } from "../../src/secrets/secret-file.ts"

const one = { secret: new Uint8Array(16).fill(7), name: undefined }
const two = { secret: new Uint8Array(16).fill(9), name: "laptop" }

let home: string
let folder: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "fw-secrets-"))
  folder = secretFolder({}, home)
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

function codeOf(action: () => unknown): string {
  try {
    action()
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.code
    throw thrown
  }
  return "none"
}

const mode = (path: string): number => statSync(path).mode & 0o7777

describe("where secrets are kept", () => {
  it("is the XDG configuration folder, unless that is relative", () => {
    expect(secretFolder({ XDG_CONFIG_HOME: "/x" }, "/home/a")).toBe("/x/fw-knock/secrets")
    expect(secretFolder({ XDG_CONFIG_HOME: "x" }, "/home/a")).toBe("/home/a/.config/fw-knock/secrets")
    expect(secretFolder({ XDG_CONFIG_HOME: "" }, "/home/a")).toBe("/home/a/.config/fw-knock/secrets")
    expect(secretFolder({}, "/home/a")).toBe("/home/a/.config/fw-knock/secrets")
  })

  it("no host leaves the folder or hides in it", () => {
    for (const host of ["../x", "/etc/passwd", ".", "..", ".hidden", "a/b", "", "a b", "a\nb", "a\0b", "-x"])
      expect(codeOf(() => canonicalHost(host))).toBe("usage")
    fc.assert(
      fc.property(fc.string(), (host) => {
        if (codeOf(() => canonicalHost(host)) === "none")
          expect(join(folder, canonicalHost(host)).startsWith(`${folder}/`)).toBe(true)
      }),
    )
    for (const host of ["web1", "Web1.Example.", "192.0.2.1", "2001:db8::1", "::1", "fe80::1%eth0"])
      expect(canonicalHost(host)).toBe(host.toLowerCase().replace(/\.$/, ""))
  })
})

describe("remember and forget", () => {
  it("keep a secret in a file that only its owner reads, in a folder that only he opens", () => {
    const { path, sharedWith } = rememberSecret(folder, "Web1.", two, "r")
    expect(mode(path)).toBe(0o600)
    expect(mode(folder)).toBe(0o700)
    expect(sharedWith).toEqual([])
    expect(rememberedSecret(folder, "WEB1")).toMatchObject({ host: "web1", ...two })
    expect(rememberedSecret(folder, "web2")).toBeUndefined()
    expect(readdirSync(folder)).toEqual(["web1"])
  })

  it("have the right mode under any umask", () => {
    const before = process.umask(0)
    try {
      const { path } = rememberSecret(folder, "web1", one, "r")
      expect(mode(path)).toBe(0o600)
      expect(mode(folder)).toBe(0o700)
    } finally {
      process.umask(before)
    }
  })

  it("replace what was there, and name the hosts that share the secret", () => {
    rememberSecret(folder, "web1", one, "r")
    rememberSecret(folder, "web1", two, "r")
    expect(rememberedSecret(folder, "web1")?.secret).toEqual(two.secret)
    expect(rememberSecret(folder, "web1", two, "r").sharedWith).toEqual([])
    expect(rememberSecret(folder, "web2", two, "r").sharedWith).toEqual(["web1"])
  })

  it("forget once", () => {
    rememberSecret(folder, "web1", one, "r")
    expect(forgetSecret(folder, "web1")).toBe(true)
    expect(forgetSecret(folder, "web1")).toBe(false)
    expect(rememberedSecret(folder, "web1")).toBeUndefined()
  })

  it("never write through a link or over a half-written file", () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const victim = join(home, "victim")
    writeFileSync(victim, "mine")
    symlinkSync(victim, join(folder, ".web1.r"))
    expect(codeOf(() => rememberSecret(folder, "web1", one, "r"))).not.toBe("none")
    expect(readFileSync(victim, "utf8")).toBe("mine")
  })

  it("leave the old secret whole when the new one cannot be written", () => {
    const { path } = rememberSecret(folder, "web1", one, "r")
    mkdirSync(join(folder, "web2"))
    expect(codeOf(() => rememberSecret(folder, "web2", two, "r"))).toBe("refused")
    expect(readdirSync(folder).sort()).toEqual(["web1", "web2"])
    expect(readFileSync(path, "utf8")).toBe(`${formatSecretLine({ ...one, host: "web1" })}\n`)
  })
})

describe("a secret file", () => {
  const write = (name: string, text: string, bits: number): string => {
    const path = join(home, name)
    writeFileSync(path, text)
    chmodSync(path, bits)
    return path
  }
  const line = formatSecretLine({ ...one, host: "web1" })

  it.each([0o600, 0o400, 0o700])("is read with mode %o", (bits) => {
    expect(readSecretFile(write("s", line, bits))[0]).toMatchObject({ host: "web1", secret: one.secret })
  })

  it.each([0o640, 0o604, 0o644, 0o620, 0o602, 0o660, 0o666])("is refused with mode %o", (bits) => {
    expect(codeOf(() => readSecretFile(write("s", line, bits)))).toBe("configuration")
  })

  it("that is missing is no permission; that is a folder, empty, long or malformed is bad configuration", () => {
    expect(codeOf(() => readSecretFile(join(home, "nothing")))).toBe("permission")
    expect(codeOf(() => readSecretFile(home))).toBe("configuration")
    expect(codeOf(() => readSecretFile(write("e", "", 0o600)))).toBe("configuration")
    expect(codeOf(() => readSecretFile(write("l", "#".repeat(70_000), 0o600)))).toBe("configuration")
    expect(codeOf(() => readSecretFile(write("m", `${line.slice(0, -1)}0`, 0o600)))).toBe("configuration")
    expect(codeOf(() => readSecretFile(write("b", "\0\xff", 0o600)))).toBe("configuration")
  })

  it("never shows a secret in what it says", () => {
    const mistyped = `web1 ${line.split(" ")[1]?.replace(/..$/, "zz")}`
    try {
      readSecretFile(write("m", mistyped, 0o600))
      expect.unreachable()
    } catch (thrown) {
      const said = JSON.stringify([(thrown as Fault).message, (thrown as Fault).hint])
      for (const group of mistyped.split("-").slice(1)) expect(said).not.toContain(group)
    }
  })

  it("may be a pipe, as a password manager gives one", () => {
    const pipe = join(home, "pipe")
    execFileSync("mkfifo", ["-m", "600", pipe])
    spawn("sh", ["-c", 'printf "%s\\n" "$1" >"$0"', pipe, line], { stdio: "ignore" })
    expect(readSecretFile(pipe)[0]?.host).toBe("web1")
  })
})
