import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually, type Printed } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: undo without a session: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("a session that ends while the firewall is open", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const reaches = (port = 22): Promise<boolean> => client.reaches("192.0.2.1", port)
  const left = (): string => join(armed.runtimeFolder(), "left.json")
  const rules = (): string => server.sh("iptables-nft -S; iptables-legacy -S; ip6tables-nft -S")
  const outcomeOf = (...args: string[]): { code: number; outcome: Printed } => {
    const { code, objects } = armed.try(...args, "--json")
    return { code, outcome: objects.at(-1) ?? {} }
  }
  let locked = ""

  beforeAll(async () => {
    await server.serveTcp(22)
    await server.serveTcp(80)
  })
  beforeEach(() => {
    server.sh(`iptables-nft -A INPUT -p tcp --dport 80 -j ACCEPT; iptables-nft -P INPUT DROP
      iptables-legacy -A INPUT -p udp --dport 9 -j DROP; ip6tables-nft -P FORWARD DROP`)
    locked = rules()
  })
  afterEach(() => {
    armed.try("disarm")
    if (existsSync(armed.runtimeFolder())) rmSync(left(), { force: true })
    server.sh("nft flush ruleset; iptables-legacy -F; iptables-legacy -P INPUT ACCEPT")
  })

  /** Armed, locked out, and opened by a knock. */
  const open = async (...args: string[]): Promise<void> => {
    armed.arm("--timeout", "2m", ...args)
    expect(await reaches()).toBe(false)
    expect(armed.knock(client, "reset", "192.0.2.1").outcome).toMatchObject({ event: "opened" })
    await eventually("its settling", () => armed.status().opens === 1)
    expect(await reaches()).toBe(true)
  }

  it("says so to whoever disarms and asks; undo puts the rules back, once, and lists what came since", async () => {
    await open()
    expect(armed.try("status").stdout).toMatch(
      /the firewall is OPEN since \d\d:\d\d: nothing filters here; `fw-watchdog undo` puts the rules back\n/,
    )
    expect(armed.status().open).toMatchObject({ scope: "all", whole: true, dropping: 0, undoable: true })
    const disarmed = outcomeOf("disarm")
    expect(disarmed).toMatchObject({ code: 0, outcome: { event: "disarmed", ends: true, undoable: true } })
    expect(disarmed.outcome.message).toMatch(
      /OPEN since \d\d:\d\d: nothing filters here; `fw-watchdog undo` puts/,
    )
    expect([existsSync(left()), statSync(left()).mode & 0o777]).toEqual([true, 0o600])
    const status = outcomeOf("status")
    expect(status).toMatchObject({ code: 1, outcome: { event: "left-open", undoable: true } })
    expect(status.outcome.message).toMatch(/no session is armed here; the firewall is OPEN since/)

    server.sh("iptables-nft -A INPUT -s 203.0.113.5 -j DROP; nft add table inet mine")
    const undone = armed.try("undo", "--json")
    expect(undone.code).toBe(0)
    const takenAway = ["nft ip filter -A INPUT -s 203.0.113.5/32 -j DROP"]
    expect(undone.objects).toMatchObject([
      { event: "taking-away", takenAway, takenAwayCount: 1 },
      { event: "rolled-back", code: "done", takenAway },
    ])
    expect(rules()).toBe(locked)
    expect([await reaches(), await reaches(80)]).toEqual([false, true])
    expect(armed.events().slice(-2)).toMatchObject([{ event: "taking-away" }, { event: "rolled-back" }])

    const again = outcomeOf("undo")
    expect(again).toMatchObject({ code: 1, outcome: { event: "nothing-to-undo", why: "undone" } })
    expect(again.outcome.message).toMatch(/^nothing to undo: the last open has been undone at \d\d:\d\d$/)
    expect(armed.try("status").stderr).not.toContain("OPEN")
  })

  it("says so when its time is up, in the log too", async () => {
    armed.arm("--timeout", "10s", "--on-expiry", "reset")
    await eventually("the expiry", () => armed.try("status").stderr.includes("OPEN since"), 14_000)
    expect(armed.events().at(-1)).toMatchObject({ event: "expired", code: "done", undoable: true })
    expect(armed.events().at(-1)?.msg).toMatch(/^the session expired; the firewall is OPEN since \d\d:\d\d/)
    expect(await reaches()).toBe(true)
    expect(outcomeOf("undo")).toMatchObject({ code: 0, outcome: { event: "rolled-back" } })
    expect(await reaches()).toBe(false)
  })

  it("is taken over by the next one: said at arming, kept through its end, and undone in it", async () => {
    await open()
    armed.disarm()
    for (let round = 0; round < 2; round += 1) {
      const arming = armed.try("--detach", "--secret-file", armed.secretFile, "--timeout", "1m")
      expect(arming.stderr).toMatch(/the firewall is OPEN since .*; `fw-watchdog undo` puts the rules back/)
      expect(existsSync(left())).toBe(false)
      expect(armed.status().open).toMatchObject({ undoable: true })
      if (round === 0) armed.disarm()
    }
    // Its own arming found it open: a rollback goes back to that.
    expect(armed.knock(client, "rollback", "192.0.2.1").code).toBe(0)
    expect(armed.status().open).toMatchObject({ undoable: true })
    expect(await reaches()).toBe(true)
    expect(outcomeOf("undo")).toMatchObject({ code: 0, outcome: { event: "rolled-back" } })
    expect([rules(), await reaches()]).toEqual([locked, false])
    expect(armed.status().open).toBeUndefined()
    armed.disarm()
    expect(existsSync(left())).toBe(false)
  })

  it("is taken over too from a guard that was killed and owed nothing", async () => {
    await open()
    const { guardPid } = armed.status()
    process.kill(guardPid as number, "SIGKILL")
    await eventually("its end", () => armed.try("status").code === 1)
    armed.arm("--timeout", "1m")
    expect(armed.status().open).toMatchObject({ undoable: true })
    expect(armed.try("undo").code).toBe(0)
    expect(rules()).toBe(locked)
  })

  it("is nothing that a dry run puts back", async () => {
    await open()
    armed.disarm()
    armed.arm("--timeout", "1m", "--dry-run")
    expect(outcomeOf("undo")).toMatchObject({ code: 1, outcome: { event: "dry-run" } })
    expect(await reaches()).toBe(true)
    armed.disarm()
    expect(armed.try("undo").code).toBe(0)
    expect(rules()).toBe(locked)
  })

  it("cannot be undone when its snapshot is lost, and says why", async () => {
    await open()
    armed.disarm()
    const folder = join(armed.stateFolder(), "snapshots")
    for (const name of readdirSync(folder)) rmSync(join(folder, name))
    const undo = outcomeOf("undo")
    expect(undo).toMatchObject({ code: 1, outcome: { event: "nothing-to-undo", why: "lost" } })
    expect(outcomeOf("status").outcome).toMatchObject({ event: "left-open", undoable: false })
    expect(await reaches()).toBe(true)
  })

  it("leaves a record that is root's alone, of this boot, or it is not used", async () => {
    await open()
    armed.disarm()
    const good = readFileSync(left(), "utf8")
    const write = (text: string, mode = 0o600, owner = "0"): void => {
      writeFileSync(left(), text)
      chmodSync(left(), mode)
      server.run(["chown", owner, left()])
    }
    const spoilt: readonly [string, () => void, number][] = [
      ["garbage", () => write("garbage"), 78],
      ["readable by others", () => write(good, 0o644), 78],
      ["somebody else's", () => write(good, 0o600, "65534"), 78],
      ["another boot's", () => write(good.replace(/"bootId":"[^"]*"/, '"bootId":"x"')), 1],
    ]
    for (const [what, spoil, code] of spoilt) {
      spoil()
      const { code: found, stderr } = armed.try("undo")
      expect([what, found, await reaches()]).toEqual([what, code, true])
      expect(stderr).not.toMatch(/\n\s+at /)
    }
    // None of it keeps anybody from arming.
    write(good, 0o644)
    const arming = armed.try("--detach", "--secret-file", armed.secretFile, "--timeout", "1m")
    expect([arming.code, arming.stderr]).toEqual([0, expect.stringContaining("left.json")])
  })

  it("goes back to before the first of two opens where nothing came in between, --hard too", async () => {
    server.sh("iptables-nft -t nat -A PREROUTING -p tcp --dport 8080 -j REDIRECT --to-ports 80")
    const nat = server.sh("iptables-nft -t nat -S")
    await open()
    expect(armed.knock(client, "reset", "192.0.2.1", "--hard").outcome).toMatchObject({ event: "opened" })
    await eventually("its settling", () => armed.status().opens === 2)
    expect(server.sh("iptables-nft -t nat -S")).not.toBe(nat)
    armed.disarm()
    expect(armed.try("undo").code).toBe(0)
    expect([rules(), server.sh("iptables-nft -t nat -S")]).toEqual([locked, nat])
    expect(await reaches()).toBe(false)
  })

  it("is undone by one at a time", async () => {
    await open()
    armed.disarm()
    const both = [1, 2].map(() =>
      server.start([...armed.command("undo", "--json")], { env: armed.environment }),
    )
    const codes = await Promise.all(both.map((one) => new Promise((resolve) => one.once("close", resolve))))
    expect(codes.sort()).toEqual([0, 1])
    expect(rules()).toBe(locked)
  })
})
