import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { Snapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { independentView } from "../../support/firewall/independent-views.ts"
import { labUnavailable } from "../../support/lab/lab.ts"
import { eventually } from "../../support/lab/programs.ts"
import { ChangeStage, noRules, otherRules, someOfEverything } from "./change-stage.ts"

if (labUnavailable) process.stderr.write(`skipped: changes: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("a change that waits for its confirmation", () => {
  const stage = new ChangeStage()
  const { server, client, armed } = stage
  let candidate: Snapshot
  let before = ""

  beforeAll(async () => {
    candidate = await stage.rulesOf(otherRules)
    await server.serveTcp(22)
    await server.serveTcp(80)
  })
  beforeEach(() => {
    server.sh(noRules)
    server.sh(someOfEverything)
    before = rules()
    // A session of the test before is as good.
    if (armed.try("status").code !== 0) armed.arm("--timeout", "5m")
  })
  afterAll(() => stage.close())

  /** Knocks and connections move counters. */
  const rules = (): string =>
    independentView(server).replace(
      /^( *)\d+ +\d+ (?=[A-Z])|\d+ packets, \d+ bytes|pkts \d+ bytes \d+/gm,
      "$1*",
    )
  const isBack = (): boolean => rules() === before
  const isOver = (): boolean => armed.status().change === undefined

  it("goes back by itself, whole", async () => {
    const applied = await stage.apply(candidate, { withinMs: 10_000 })
    expect(applied).toMatchObject({
      event: "applied",
      code: "done",
      facts: { changed: true, differences: [] },
    })
    expect(isBack()).toBe(false)
    expect(server.sh("iptables-nft -S INPUT")).toContain("-P INPUT DROP")
    expect(armed.status().change).toMatchObject({ user: "ada", client: "192.0.2.2", applied: true })
    expect(armed.try("status").stdout).toContain("CHANGED by ada from 192.0.2.2: goes back in")
    await eventually("the rollback", isOver, 30_000)
    expect(rules()).toBe(before)
    const end = { event: "rolled-back", code: "rolled-back" }
    expect(armed.events().at(-1)).toMatchObject(end)
    expect(armed.status()).toMatchObject({ lastChange: { outcome: end } })
  })

  it("goes back to no rules at all, and stays when it needs no confirmation", async () => {
    server.sh(noRules)
    before = rules()
    expect(await stage.apply(candidate)).toMatchObject({ event: "applied" })
    expect(isBack()).toBe(false)
    expect(await stage.ask({ command: "rollback", by: "test" })).toMatchObject({ event: "rolled-back" })
    expect(rules()).toBe(before)
    expect(await stage.ask({ command: "rollback", by: "test" })).toMatchObject({
      event: "nothing-to-confirm",
    })
  })

  it("is kept over a new connection, not by one that stood, and rollback then keeps it", async () => {
    await stage.connect()
    await stage.apply(candidate)
    const refused = await stage.ask({ command: "confirm", pid: process.pid })
    expect(refused).toMatchObject({ event: "confirm-refused", code: "refused" })
    await stage.connect(22)
    expect(await stage.ask({ command: "confirm", pid: process.pid })).toMatchObject({ event: "confirmed" })
    expect(await stage.ask({ command: "confirm", pid: process.pid })).toMatchObject({
      event: "nothing-to-confirm",
    })
    const confirmed = rules()
    server.sh("iptables-nft -F")
    expect(armed.knock(client, "rollback", "192.0.2.1").outcome).toMatchObject({ event: "rolled-back" })
    expect(rules()).toBe(confirmed)
  })

  it("is kept by a knock that comes with a new connection to the ssh port", async () => {
    await stage.apply(candidate, { sshPort: 80 })
    // Its new connection is to another port than the one that the operator comes in by.
    expect(armed.knock(client, "confirm", "192.0.2.1").outcome).toMatchObject({ event: "refused" })
    expect(await stage.ask({ command: "rollback", by: "test" })).toMatchObject({ event: "rolled-back" })
    await stage.apply(candidate)
    const confirm = armed.knock(client, "confirm", "192.0.2.1")
    expect(confirm.outcome).toMatchObject({ event: "confirmed", code: "done" })
    expect(armed.knock(client, "confirm", "192.0.2.1").outcome).toMatchObject({ event: "nothing-to-do" })
    expect(isBack()).toBe(false)
  })

  it("goes back when its guard was killed: at its time, or at once when that has passed", async () => {
    await stage.apply(candidate, { withinMs: 15_000 })
    await stage.killGuard()
    expect(armed.try("--detach", "--json", "--secret-file", armed.secretFile).code).toBe(1)
    expect(armed.try("resume").code).toBe(0)
    expect(armed.status().change).toMatchObject({ applied: true })
    // The connections that stood are still known.
    expect(await stage.ask({ command: "confirm", pid: process.pid })).toMatchObject({ code: "refused" })
    await eventually("the rollback", isBack, 30_000)

    await stage.apply(candidate, { withinMs: 5000 })
    await stage.killGuard()
    await new Promise((resolve) => setTimeout(resolve, 5000))
    expect(isBack()).toBe(false)
    expect(armed.try("resume").code).toBe(0)
    await eventually("the rollback", isBack)
  })

  it.each(["disarm", "SIGTERM"])("goes back first when the session ends: %s", async (how) => {
    await stage.apply(candidate)
    const journal = join(armed.runtimeFolder(), "journal.json")
    if (how === "disarm") armed.disarm()
    else process.kill(armed.status().guardPid as number, "SIGTERM")
    await eventually("the end", () => !existsSync(journal))
    expect(rules()).toBe(before)
  })

  it("is one at a time, and refused when other rules are in force than it was rehearsed with", async () => {
    await stage.apply(candidate)
    expect(await stage.apply(candidate)).toMatchObject({ event: "change-pending", code: "refused" })
    await stage.ask({ command: "rollback", by: "test" })
    const other = await stage.rulesOf("iptables-nft -A INPUT -p tcp --dport 26 -j DROP")
    expect(await stage.apply(candidate, {}, other)).toMatchObject({ event: "raced", code: "refused" })
    expect(isBack()).toBe(true)
    // What was handed over is not left lying about.
    const left = readdirSync(armed.runtimeFolder()).filter((name) => name.startsWith("apply-"))
    expect(left.flatMap((name) => readdirSync(join(armed.runtimeFolder(), name)))).toHaveLength(2)
  })

  it("puts IPv4 back when IPv6 cannot be loaded, and says that it was changed and went back", async () => {
    const text = JSON.stringify(candidate)
    const spoiled = text.replace(/(ip6[\s\S]*?)--dport 22 -j ACCEPT/, "$1--dport 22 -j NOSUCH")
    expect(spoiled).not.toBe(text)
    const failed = await stage.apply(JSON.parse(spoiled) as Snapshot)
    expect(failed).toMatchObject({ event: "apply-failed", code: "rolled-back", facts: { changed: false } })
    expect(rules()).toBe(before)
  })

  it("cannot be confirmed when the firewall was opened, and goes back all the same", async () => {
    await stage.apply(candidate, { withinMs: 20_000 })
    expect(armed.knock(client, "reset", "192.0.2.1").outcome).toMatchObject({ event: "opened" })
    await eventually("its settling", () => armed.status().opens === 1)
    expect(armed.knock(client, "confirm", "192.0.2.1").outcome).toMatchObject({ event: "refused" })
    expect(armed.status().change).toMatchObject({ opened: true })
    await eventually("the rollback", isOver, 40_000)
    expect(rules()).toBe(before)
  })
})
