import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: what is owed after a reboot: ${labUnavailable}\n`)

const dist = (path: string): string => fileURLToPath(new URL(`../../../dist/${path}.js`, import.meta.url))

/** What a guard does while it owes a way back: keeps the rules of arming, then those that somebody made of them. */
const keep = `
  import { execSync } from "node:child_process"
  import { systemClock as clock } from "${dist("system/system-clock")}"
  import { runCommand as run } from "${dist("system/process/run-command")}"
  import { findTools } from "${dist("firewall/tools/tool-paths")}"
  import { takeSnapshot } from "${dist("firewall/snapshot/snapshot")}"
  import { foldersFor } from "${dist("guard/state/folders")}"
  import { keepOwed } from "${dist("guard/reboot/pending-rollback")}"
  const deps = { run, clock, tools: findTools() }
  const before = await takeSnapshot(deps, "arming")
  execSync(process.env.CHANGE)
  const unconfirmed = await takeSnapshot(deps, "in force")
  await keepOwed(foldersFor(process.env).state, "session", { before, unconfirmed })`

/** A boot later: no runtime folder, and rules from wherever this machine has them. */
describe.skipIf(labUnavailable)("a way back that is owed when the machine goes down", () => {
  const { lab, server } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const rules = (): string => server.sh("iptables-nft -S; nft -s list table inet mine")
  const change = "iptables-nft -P INPUT DROP; nft add rule inet mine in tcp dport 22 drop"
  let before: string
  const owed = (): string => join(armed.stateFolder(), "owed", "session")

  beforeEach(() => {
    server.sh(
      "nft flush ruleset; iptables-nft -A INPUT -p tcp --dport 4 -j ACCEPT; nft 'add table inet mine; add chain inet mine in { type filter hook input priority 5; }'",
    )
    before = rules()
    server.run([process.execPath, "--input-type=module", "-e", keep], {
      env: { ...armed.environment, CHANGE: change },
    })
    expect(rules()).not.toBe(before)
  })
  afterEach(() => armed.try("disarm"))

  it("is done if the unconfirmed rules are in force, and once", () => {
    server.sh("iptables-nft -Z") // counters are not rules
    const resumed = armed.try("resume", "--json")
    expect([resumed.code, resumed.objects[0]]).toMatchObject([0, { event: "rolled-back", code: "done" }])
    expect(rules()).toBe(before)
    expect(existsSync(owed())).toBe(false)
    expect(armed.try("resume").code).toBe(1)
    expect(armed.events().at(-1)).toMatchObject({ event: "rolled-back" })
  })

  it("is closed with a line if others are", () => {
    server.sh("nft add rule inet mine in tcp dport 9 drop")
    const now = rules()
    const resumed = armed.try("resume", "--json")
    expect([resumed.code, resumed.objects[0]]).toMatchObject([0, { event: "owed-closed", code: "done" }])
    expect(resumed.objects[0]?.message).toContain("nft inet mine differs")
    expect(rules()).toBe(now)
    expect(existsSync(owed())).toBe(false)
  })

  it("is closed with a line if its rules cannot be read any more", () => {
    writeFileSync(join(owed(), "unconfirmed.fw"), "garbage")
    const now = rules()
    expect(armed.try("resume", "--json").objects[0]).toMatchObject({ event: "owed-closed", exitCode: 3 })
    expect(rules()).toBe(now)
    expect(existsSync(owed())).toBe(false)
  })

  it("is given up, with a note, by who has got in and arms", () => {
    const result = armed.try("--detach", "--secret-file", armed.secretFile, "--timeout", "1m")
    expect(result.stderr).toContain("owed a rollback")
    expect(existsSync(owed())).toBe(false)
  })
})
