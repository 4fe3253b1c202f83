import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { eventually } from "../../../support/lab/programs.ts"
import { sshUnavailable } from "../../../support/lab/ssh-server.ts"
import { SshStage } from "./stage.ts"

if (sshUnavailable) process.stderr.write(`skipped: changes over ssh: ${sshUnavailable}\n`)

describe.skipIf(sshUnavailable)("fw-knock apply", () => {
  const stage = new SshStage()
  const file = join(stage.lab.folder, "rules of web1.sh")
  const rules = (port: number): void =>
    writeFileSync(
      file,
      `iptables -F INPUT\niptables -P INPUT DROP\niptables -A INPUT -i lo -j ACCEPT\niptables -A INPUT -p tcp --dport ${port} -j ACCEPT\n`,
    )
  beforeAll(() => stage.start())
  afterEach(() => stage.clear())
  afterAll(() => stage.lab.close())
  /** Of this file: others copy theirs to the same /tmp. */
  const leftOver = (): string[] =>
    readdirSync("/tmp").filter(
      (name) => name.startsWith("tmp.") && existsSync(join("/tmp", name, basename(file))),
    )

  it("makes a change, proves by a new connection that ssh gets in, and confirms it", () => {
    rules(2222)
    const { object, stderr } = stage.run("apply", "bob", file, "--json")
    expect(object).toMatchObject({ event: "confirmed", code: "done", exitCode: 0, host: "bob" })
    expect(stderr).not.toContain("\x1e")
    expect(stage.rules()).toContain("policy drop")
    expect(stage.onServer("status", "--json").object).toMatchObject({
      lastChange: { outcome: { event: "confirmed" } },
    })
    expect(leftOver()).toEqual([])
    expect(stage.run("apply", "bob", file, "--json").object).toMatchObject({
      event: "unchanged",
      exitCode: 0,
    })
    expect(stage.run("apply", "bob", file, "--check", "--json").object).toMatchObject({ exitCode: 0 })
  }, 120_000)

  it("shows the difference, and is refused where it would lock out", () => {
    rules(22)
    const { stdout, stderr, code } = stage.run("apply", "web1", file)
    expect(stdout).toContain("+ -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT")
    expect(stderr).toContain("web1: would lock you out")
    expect(code).toBe(1)
    expect(stage.rules()).not.toContain("policy drop")
  }, 120_000)

  it("goes back at once when it is forced and locks out", () => {
    rules(22)
    const begun = performance.now()
    const { object } = stage.run("apply", "web1", file, "--json", "--", "--force")
    expect(object).toMatchObject({ event: "rolled-back", code: "rolled-back", exitCode: 2 })
    expect(stage.rules()).not.toContain("policy drop")
    expect(leftOver()).toEqual([])
    const [inForce = 0, back = 0] = ["applied", "rolled-back"].map((event) => stage.lastEventMs(event))
    process.stderr.write(
      `forced: back ${back - inForce} ms after it was in force; the command took ${Math.round(performance.now() - begun)} ms\n`,
    )
    expect(back - inForce).toBeGreaterThan(0)
  }, 120_000)

  it("changes nothing when Ctrl-C comes while it only looks", async () => {
    writeFileSync(file, "sleep 30.0717\niptables -A INPUT -p tcp --dport 22 -j ACCEPT\n")
    const child = stage.client.start(stage.words("apply", "web1", file, "--check"), {
      env: stage.environment(),
    })
    let said = ""
    child.stderr?.on("data", (chunk) => {
      said += String(chunk)
    })
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve))
    await eventually(
      "the rehearsal",
      () => stage.server.try(["pgrep", "-f", "sleep 30.0717"]).code === 0,
      30_000,
    )
    child.kill("SIGINT")
    expect([await ended, said]).toEqual([1, expect.stringContaining("interrupted; nothing was changed")])
  }, 120_000)

  it("would change: --check needs no session", () => {
    rules(2222)
    expect(stage.run("apply", "web1", file, "--check", "--json").object).toMatchObject({
      code: "would-change",
      exitCode: 5,
    })
    expect(stage.onServer("status").code).toBe(1)
  }, 120_000)
})
