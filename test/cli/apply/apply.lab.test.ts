import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { HeldTerminal } from "../../support/held-terminal.ts"
import { labUnavailable } from "../../support/lab/lab.ts"
import { eventually, fwApply } from "../../support/lab/programs.ts"
import { ApplyStage, someoneRuns } from "./stage.ts"

if (labUnavailable) process.stderr.write(`skipped: fw-apply: ${labUnavailable}\n`)

const oldPost = readFileSync(new URL("../../support/old-post.sh", import.meta.url), "utf8")
const newRules = `iptables -P INPUT DROP
iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -p tcp --dport 22 -j ACCEPT
ip6tables -P INPUT DROP
`

describe.skipIf(labUnavailable)("fw-apply", () => {
  const stage = new ApplyStage()
  const { server, client, armed } = stage
  beforeAll(() => server.serveTcp(22))
  afterEach(() => {
    armed.try("disarm")
    server.sh("nft flush ruleset")
  })
  afterAll(() => stage.lab.close())

  const rules = (): string => server.sh("iptables -S; ip6tables -S")
  const inForce = (): boolean => server.try(["iptables", "-S", "INPUT"]).stdout.includes("-P INPUT DROP")
  const sessionOver = (): boolean => armed.try("status").code === 1

  it("takes the old post's script as it is, keeps it by a knock, and is done when nothing differs", async () => {
    const file = stage.file(oldPost)
    const check = stage.run(file, "--check", "--json")
    expect([check.code, check.outcome]).toEqual([
      5,
      expect.objectContaining({ event: "would-change", changed: true }),
    ])
    expect(inForce()).toBe(false)
    const running = stage.start(file)
    await eventually("the change", () => running.has("applied"), 60_000)
    expect(server.sh("iptables -S INPUT")).toContain('--log-prefix "Denied TCP: "')
    expect(armed.knock(client, "confirm", "192.0.2.1").outcome).toMatchObject({ event: "confirmed" })
    await eventually("its end", () => running.code !== undefined)
    expect(running.code).toBe(0)
    expect(running.objects.at(-1)).toMatchObject({ event: "confirmed", changed: true, by: "a knock" })
    const again = stage.run(file, "--json", "--no-confirm")
    expect([again.code, again.outcome]).toEqual([
      0,
      expect.objectContaining({ event: "unchanged", changed: false }),
    ])
    // Nothing of its own is left behind, but what a snapshot is for.
    await eventually("the end of its session", sessionOver)
    expect(existsSync(join(armed.runtimeFolder(), "journal.json"))).toBe(false)
    expect(readdirSync(armed.runtimeFolder()).filter((name) => name.startsWith("apply-"))).toEqual([])
  }, 120_000)

  it("goes back at once on Ctrl-C, and later when its terminal is closed", async () => {
    const before = rules()
    const run = (...args: string[]) =>
      HeldTerminal.run(server, stage.command(stage.file(newRules), ...args), armed.environment)
    const pressed = await run("--confirm-within", "10m")
    await eventually("the change", inForce, 60_000)
    await eventually("its waiting", () => armed.try("status").stdout.includes("CHANGED"))
    await pressed.type("\x03")
    await eventually("the rollback", () => !inForce())
    expect(rules()).toBe(before)
    await eventually("the end of its session", sessionOver)

    const closed = await run("--confirm-within", "5s")
    await eventually("the change", inForce, 60_000)
    await closed.close()
    await eventually("its end", () => !existsSync(`/proc/${closed.viewer}`))
    await eventually("the rollback", () => !inForce(), 20_000)
    expect(rules()).toBe(before)
    await eventually("the end of its session", sessionOver)
  }, 180_000)

  it("goes back when fw-apply is killed, and when the guard is; then fw-apply starts another one", async () => {
    const before = rules()
    const file = stage.file(newRules)
    const killed = stage.start(file, "--confirm-within", "5s")
    await eventually("the change", () => killed.has("applied"), 60_000)
    // It runs in the process that nsenter became.
    killed.child.kill("SIGKILL")
    await eventually("the rollback", () => !inForce(), 20_000)
    expect(rules()).toBe(before)
    await eventually("the end of its session", sessionOver)

    const waiting = stage.start(file, "--confirm-within", "10s")
    await eventually("the change", () => waiting.has("applied"), 60_000)
    process.kill(armed.status().guardPid as number, "SIGKILL")
    await eventually("its end", () => waiting.code !== undefined, 40_000)
    expect([waiting.code, waiting.objects.at(-1)]).toEqual([
      2,
      expect.objectContaining({ event: "rolled-back", changed: false }),
    ])
    expect(waiting.stderr).toContain("another one goes on")
    expect(rules()).toBe(before)
  }, 180_000)

  it("keeps what somebody else writes during the rehearsal, and rehearses again where it cannot be merged", async () => {
    server.sh("iptables -N gate; iptables -A gate -s 203.0.113.9 -j DROP")
    const script = `${newRules}iptables -N gate 2>/dev/null || true\niptables -A gate -p tcp --dport 26 -j ACCEPT\n`
    const during = async (pause: string, write: string): Promise<string> => {
      // The way to know that it is being rehearsed: a process that nobody else has.
      const running = stage.start(stage.file(`${script}sleep ${pause}\n`), "--no-confirm")
      await eventually("the rehearsal", () => someoneRuns(pause), 30_000)
      server.sh(write)
      await eventually("its end", () => running.code !== undefined, 60_000)
      expect(running.code).toBe(0)
      expect(inForce()).toBe(true)
      return running.stderr
    }
    expect(await during("2.0271", "iptables -A FORWARD -p tcp --dport 26 -j DROP")).toBe("")
    expect(rules()).toContain("-A FORWARD -p tcp -m tcp --dport 26 -j DROP")
    expect(rules()).toContain("-A gate -s 203.0.113.9/32 -j DROP\n-A gate -p tcp -m tcp --dport 26 -j ACCEPT")
    expect(await during("2.0272", "iptables -F gate; iptables -X gate")).toContain("rehearsing again")
    expect(rules()).not.toContain("203.0.113.9")
    expect(rules()).toContain("-A gate -p tcp -m tcp --dport 26 -j ACCEPT")
  }, 120_000)

  it("is refused while another change waits, with the same file too", async () => {
    const file = stage.file(newRules)
    const waiting = stage.start(file, "--confirm-within", "60s")
    await eventually("the change", () => waiting.has("applied"), 60_000)
    for (const other of [file, stage.file(`${newRules}iptables -A INPUT -s 203.0.113.9 -j DROP\n`)]) {
      const refused = stage.run(other, "--json", "--no-confirm")
      expect([refused.code, refused.outcome]).toEqual([
        1,
        expect.objectContaining({
          message: expect.stringMatching(/waits for its confirmation, (?:\d+[smh] ?)+ left/),
        }),
      ])
    }
    armed.knock(client, "rollback", "192.0.2.1")
    await eventually("its end", () => waiting.code !== undefined)
  }, 120_000)

  it("leaves a change to the guard with --detach: confirmed by a knock, or reverted in time", async () => {
    const before = rules()
    const file = stage.file(newRules)
    const detach = (...args: string[]) =>
      stage.run(file, "--detach", "--json", "--secret-file", armed.secretFile, ...args)
    const left = detach("--confirm-within", "10s")
    expect([left.code, left.outcome]).toEqual([
      0,
      expect.objectContaining({ event: "detached", id: expect.any(String) }),
    ])
    expect(armed.status().change).toMatchObject({ id: left.outcome.id, applied: true })
    await eventually("the revert", () => !inForce(), 30_000)
    expect(rules()).toBe(before)
    await eventually("the end of its session", sessionOver)

    expect(detach("--confirm-within", "60s").code).toBe(0)
    expect(armed.knock(client, "confirm", "192.0.2.1").outcome).toMatchObject({ event: "confirmed" })
    await eventually("the end of its session", sessionOver)
    expect(inForce()).toBe(true)
  }, 120_000)

  it("right behind another one works, as arming does: unconfirmed, confirmed, taken back, reverted in time", async () => {
    let port = 30
    const file = (): string => {
      port += 1
      return stage.file(`${newRules}iptables -A INPUT -p tcp --dport ${port} -j DROP\n`)
    }
    const next = (how: string): void => {
      const { code, outcome } = stage.run(file(), "--no-confirm", "--json")
      expect([how, code, outcome.event]).toEqual([how, 0, "applied"])
    }
    const detached = (within: string): void => {
      const secret = ["--secret-file", armed.secretFile]
      const { code } = stage.run(file(), "--detach", "--json", ...secret, "--confirm-within", within)
      expect(code).toBe(0)
    }
    for (const how of ["first", "behind one without confirmation", "and behind another"]) next(how)
    detached("60s")
    expect(armed.knock(client, "confirm", "192.0.2.1").outcome).toMatchObject({ event: "confirmed" })
    next("behind a confirmed one")
    detached("60s")
    expect(server.try([...fwApply, "rollback"], { env: armed.environment }).code).toBe(0)
    next("behind one that was taken back")
    detached("5s")
    await eventually("the revert", () => !rules().includes(`--dport ${port} `), 20_000)
    next("behind one that went back")
    armed.arm("--timeout", "30s")
    expect(armed.status().ending).toBe(false)
  }, 180_000)

  it("refuses what would lock out, and what nobody could confirm, with nothing changed", () => {
    const before = rules()
    const shut = stage.run(stage.file(newRules.replace("--dport 22", "--dport 2222")), "--json")
    expect([shut.code, shut.outcome]).toEqual([
      1,
      expect.objectContaining({
        event: "locked-out",
        changed: false,
        rule: expect.stringContaining("policy DROP"),
      }),
    ])
    const secretless = stage.run(stage.file(newRules), "--json")
    expect([secretless.code, secretless.outcome]).toEqual([64, expect.objectContaining({ changed: false })])
    const broken = stage.run(stage.file(`${newRules}iptables -A INPUT -j NOSUCH\n`), "--json")
    expect([broken.code, broken.outcome.message]).toEqual([1, expect.stringMatching(/rules-\d+:5/)])
    const foreign = stage.run(stage.file(newRules), "--json", "--no-confirm", "--save")
    expect([foreign.code, foreign.outcome.message]).toEqual([1, expect.stringContaining("namespace")])
    const nowhere = server.try([...fwApply, "confirm"], { env: armed.environment })
    expect(nowhere.code).toBe(1)
    expect(rules()).toBe(before)
  }, 120_000)
})
