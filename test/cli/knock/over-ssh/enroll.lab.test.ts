import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { sshUnavailable } from "../../../support/lab/ssh-server.ts"
import { SshStage } from "./stage.ts"

if (sshUnavailable) process.stderr.write(`skipped: enrolling over ssh: ${sshUnavailable}\n`)

describe.skipIf(sshUnavailable)("fw-knock enroll", () => {
  const stage = new SshStage()
  const folder = (): string => join(String(stage.machine.environment.CONFIGURATION_DIRECTORY), "secrets.d")
  const probe = (): number => stage.run("probe", "web1", "--wait", "1s", "--no-check").code
  const names = (): string[] => readdirSync(folder())
  beforeAll(() => stage.start())
  afterEach(() => {
    stage.clear()
    rmSync(folder(), { recursive: true, force: true })
  })
  afterAll(() => stage.lab.close())

  it("keeps the secret where no session is armed, and one that is armed later takes it along", () => {
    const { object } = stage.run("enroll", "web1", "--json")
    expect(object).toMatchObject({ event: "enrolled", exitCode: 0, armed: false })
    const [name = ""] = names()
    expect(statSync(folder()).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder(), name)).mode & 0o777).toBe(0o600)
    const standing = join(String(stage.machine.environment.CONFIGURATION_DIRECTORY), "secrets")
    expect(stage.onServer("arm", "--detach", "--secret-file", standing).code).toBe(0)
    expect(probe()).toBe(0)
    const [secret] = stage.onServer("status", "--json").object.secrets as {
      name: string
      lastUsedMs: number
    }[]
    expect(secret?.name).toBe(name)
    expect(secret?.lastUsedMs).toBeGreaterThan(0)
  })

  it("is taken up by a session at once, and silent when it is revoked; arming does not take its place", () => {
    expect(stage.run("arm", "web1", "--json").object).toMatchObject({ event: "armed" })
    expect(stage.run("enroll", "web1", "--json").object).toMatchObject({ armed: true, verdict: "alive" })
    const kept = (): string => readFileSync(join(stage.home, ".config/fw-knock/secrets/web1"), "utf8")
    const enrolled = kept()
    stage.onServer("disarm")
    expect(stage.run("arm", "web1", "--json").object).toMatchObject({ event: "armed", exitCode: 0 })
    expect(kept()).toBe(enrolled)
    expect(probe()).toBe(0)
    const [name = ""] = names()
    const unknown = stage.onServer("revoke", "nobody", "--json")
    expect([unknown.code, unknown.stdout + unknown.stderr]).toEqual([1, expect.stringContaining(name)])
    expect(stage.onServer("revoke", name).code).toBe(0)
    expect(names()).toEqual([])
    expect(probe()).toBe(4)
    expect(stage.onServer("revoke", name).code).toBe(1)
  })

  it("names who knocked, of two people with a secret each", () => {
    const homes = ["alice", "bob"].map((person) => {
      stage.newHome()
      expect(stage.run("enroll", "web1", "--json").object).toMatchObject({ armed: false })
      // Everybody here is the same user of the same workstation.
      const [own = ""] = names().filter((name) => name.includes("@"))
      renameSync(join(folder(), own), join(folder(), person))
      return stage.home
    })
    // A third one whose file is bad keeps nobody from arming.
    writeFileSync(join(folder(), "carl"), "fwk1-nonsense\n", { mode: 0o600 })
    const configuration = String(stage.machine.environment.CONFIGURATION_DIRECTORY)
    const armed = stage.onServer("arm", "--detach", "--secret-file", join(configuration, "secrets"))
    expect([armed.code, armed.stderr]).toEqual([
      0,
      expect.stringContaining("warning: the secret of carl is left out"),
    ])
    rmSync(join(folder(), "carl"))
    for (const home of homes) {
      stage.home = home
      expect(stage.run("reset", "web1", "--no-check").code).toBe(0)
    }
    const events = stage.events()
    for (const person of ["alice", "bob"]) {
      expect(events).toMatch(new RegExp(`"verb":"reset".*"name":"${person}"`))
      expect(events).toMatch(new RegExp(`"event":"opened".*\\(knock of ${person}\\)`))
    }
    expect(stage.onServer("revoke", "alice").code).toBe(0)
    expect(probe()).toBe(0)
    stage.home = homes[0] ?? ""
    expect(probe()).toBe(4)
  })

  it("is not accepted any more when it has expired, also in a session that runs", async () => {
    stage.run("arm", "web1", "--json")
    expect(stage.run("enroll", "web1", "--expires", "4s", "--json").object).toMatchObject({
      verdict: "alive",
    })
    await delay(8000) // its four seconds, and the look that comes every three
    expect(probe()).toBe(4)
    expect(stage.onServer("status", "--json").object.secrets).toHaveLength(1)
    expect(stage.events()).toContain("secret-expired")
  })
})
