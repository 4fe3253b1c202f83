import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { ansibleUnavailable, collections } from "./stage.ts"

if (ansibleUnavailable) process.stderr.write(`skipped: ansible-test sanity: ${ansibleUnavailable}\n`)

/** Those that install their tools from PyPI, of one version each. */
const fromNetwork = [
  "ansible-doc",
  "changelog",
  "import",
  "pep8",
  "pylint",
  "runtime-metadata",
  "validate-modules",
  "yamllint",
]
const collection = "ansible_collections/fwwatchdog/firewall"

describe.skipIf(ansibleUnavailable)("the collection as ansible-test wants it", () => {
  const folder = mkdtempSync(join(tmpdir(), "fw-ansible-"))
  afterAll(() => rmSync(folder, { recursive: true }))

  it("passes every sanity test that needs nothing from a network, without an ignore file", () => {
    const copy = join(folder, collection)
    cpSync(join(collections, collection), copy, { recursive: true })
    mkdirSync(join(folder, "home"))
    const skipped = fromNetwork.flatMap((name) => ["--skip-test", name])
    const { status, stdout, stderr } = spawnSync("ansible-test", ["sanity", ...skipped], {
      cwd: copy,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: join(folder, "home"), LANG: "C.UTF-8" },
      encoding: "utf8",
    })
    expect(status, stdout + stderr).toBe(0)
    expect((stdout + stderr).match(/^Running sanity test /gm)?.length).toBeGreaterThan(20)
  }, 300_000)

  it("has the version of the programs", () => {
    const version = (file: string, pattern: RegExp): string | undefined =>
      pattern.exec(readFileSync(file, "utf8"))?.[1]
    const ours = version(join(collections, "../../package.json"), /"version": "(.*)"/)
    expect(version(join(collections, collection, "galaxy.yml"), /^version: (.*)$/m)).toBe(ours)
  })
})
