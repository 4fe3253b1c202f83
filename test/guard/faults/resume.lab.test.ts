import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: resumed sessions: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("a session whose guard was killed", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const journal = (): string => join(armed.runtimeFolder(), "journal.json")
  const killGuard = async (): Promise<void> => {
    process.kill(armed.status().guardPid as number, "SIGKILL")
    await eventually("the guard's end", () => armed.try("status").code === 1)
  }

  beforeAll(() => server.serveTcp(22))
  afterEach(() => {
    armed.try("resume")
    armed.try("disarm")
    server.sh("nft flush ruleset")
  })

  it("goes on with the same deadline and secret, and opens", async () => {
    armed.arm("--timeout", "2m")
    expect(armed.knock(client, "probe", "192.0.2.1", "--no-check").outcome).toMatchObject({ pinned: true })
    const before = armed.status().secondsLeft as number
    await killGuard()
    server.sh("iptables-nft -P INPUT DROP")
    const resumed = armed.try("resume", "--json")
    expect(resumed.objects[0]).toMatchObject({ event: "resumed", code: "done" })
    expect(armed.status().roads).toEqual(["icmp", "tcp/22"])
    expect(armed.status().secondsLeft as number).toBeLessThanOrEqual(before)
    expect(armed.status().secondsLeft as number).toBeGreaterThan(before - 30)
    // Its nonces are gone: only a completed challenge counts, even for a one-way knock.
    const reset = armed.knock(client, "reset", "192.0.2.1", "--one-way")
    expect(reset.outcome).toMatchObject({ event: "opened", pinned: false })
    expect(await client.reaches("192.0.2.1", 22)).toBe(true)
    await eventually("its settling", () => armed.status().opens === 1)
    expect(armed.try("undo").code).toBe(0)
    expect(await client.reaches("192.0.2.1", 22)).toBe(false)
  })

  it("still owes what it owed", async () => {
    server.sh("iptables-nft -A INPUT -p tcp --dport 4 -j ACCEPT")
    const rules = server.sh("iptables-nft -S")
    armed.arm("--timeout", "12s", "--on-expiry", "rollback")
    server.sh("iptables-nft -P INPUT DROP; iptables-nft -F")
    await killGuard()
    const again = armed.try("--detach", "--json", "--secret-file", armed.secretFile)
    expect(again.code).toBe(1)
    expect(again.stderr).toContain("still owes")
    expect(armed.try("resume").code).toBe(0)
    await eventually("the expiry", () => armed.try("status").code === 1, 14_000)
    expect(server.sh("iptables-nft -S")).toBe(rules)
    expect(existsSync(journal())).toBe(false)
  })

  it("is replaced by a new arming when it owed nothing", async () => {
    armed.arm("--timeout", "2m")
    await killGuard()
    armed.arm("--timeout", "1m")
    expect(armed.status().secondsLeft as number).toBeLessThanOrEqual(60)
  })

  it("leaves room for another one as soon as it is disarmed", () => {
    for (let round = 0; round < 3; round += 1) {
      armed.arm("--timeout", "1m")
      armed.disarm()
    }
  })

  it("cannot be resumed twice, nor when there is none", () => {
    expect(armed.try("resume").code).toBe(1)
    armed.arm("--timeout", "1m")
    expect(armed.try("resume").code).toBe(1)
    expect(armed.status().secondsLeft).toBeGreaterThan(0)
  })

  it("leaves a journal that is root's alone, of this boot, or it is not used", async () => {
    armed.arm("--timeout", "1m")
    const good = readFileSync(journal(), "utf8")
    await killGuard()
    const write = (text: string, mode = 0o600, owner = "0"): void => {
      writeFileSync(journal(), text)
      chmodSync(journal(), mode)
      server.run(["chown", owner, journal()])
    }
    const spoilt: readonly [string, () => void, number][] = [
      ["garbage", () => write("garbage"), 78],
      ["half of it", () => write(good.slice(0, good.length / 2)), 78],
      ["readable by others", () => write(good, 0o644), 78],
      ["somebody else's", () => write(good, 0o600, "65534"), 78],
      ["another boot's", () => write(good.replace(/"bootId":"[^"]*"/, '"bootId":"x"')), 1],
    ]
    for (const [what, spoil, code] of spoilt) {
      spoil()
      const result = armed.try("resume")
      expect([what, result.code]).toEqual([what, code])
      expect(result.stderr).not.toMatch(/\n\s+at |fwk1/)
    }
    expect(existsSync(journal())).toBe(false)
  })

  it("extends, and keeps the new deadline through a kill", async () => {
    armed.arm("--timeout", "10s")
    expect(armed.try("extend", "5m", "--json").objects[0]).toMatchObject({ event: "extended", code: "done" })
    expect(armed.try("extend", "9d").code).toBe(64)
    await killGuard()
    expect(armed.try("resume").code).toBe(0)
    expect(armed.status().secondsLeft as number).toBeGreaterThan(250)
  })
})
