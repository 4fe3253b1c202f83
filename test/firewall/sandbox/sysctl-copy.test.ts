import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { changedSysctls, copySysctls } from "../../../src/firewall/sandbox/sysctl-copy.ts"

it("sysctls are copied with their text and mode, whatever the umask, and a changed one is found", () => {
  const folder = mkdtempSync(join(tmpdir(), "fw-sysctls-"))
  try {
    const [machine, copy] = [join(folder, "machine"), join(folder, "copy")]
    for (const made of [join(machine, "net/ipv4"), copy]) mkdirSync(made, { recursive: true })
    const files = [
      ["net/ipv4/ip_forward", "0\n", 0o644],
      ["net/ipv4/secret", "a\tb\n", 0o600],
      ["net/long", "x".repeat(200_000), 0o444],
    ] as const
    for (const [name, text, mode] of files) {
      writeFileSync(join(machine, name), text)
      chmodSync(join(machine, name), mode)
    }
    const umask = process.umask(0o077)
    copySysctls(machine, copy)
    expect(process.umask(umask)).toBe(0o077)
    for (const [name, text, mode] of files) {
      expect(readFileSync(join(copy, name), "latin1")).toBe(text)
      expect(statSync(join(copy, name)).mode & 0o777).toBe(mode)
    }
    writeFileSync(join(copy, "net/ipv4/secret"), "a b")
    expect(changedSysctls(copy, 0, machine)).toEqual([])
    writeFileSync(join(copy, "net/ipv4/ip_forward"), "1\n")
    expect(changedSysctls(copy, 0, machine)).toEqual(["net.ipv4.ip_forward = 1"])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
