import { rmSync } from "node:fs"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { saveForBoot } from "../../../src/apply/boot/save.ts"
import type { Snapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { loadSnapshot } from "../../../src/firewall/snapshot/store/store.ts"
import { systemClock } from "../../../src/system/system-clock.ts"
import { bootRoot } from "../../apply/boot/boot-root.ts"
import { hostWith } from "../../support/firewall/lab-firewall.ts"
import { labUnavailable } from "../../support/lab/lab.ts"
import { eventually, fwApply } from "../../support/lab/programs.ts"
import { ChangeStage, noRules } from "./change-stage.ts"

if (labUnavailable) process.stderr.write(`skipped: confirmations: ${labUnavailable}\n`)

/** Shuts port 80, which the repair opens again. */
const newRules = `
  iptables-nft -P INPUT DROP
  iptables-nft -A INPUT -p tcp --dport 22 -j ACCEPT
  iptables-nft -A INPUT -i lo -j ACCEPT`
const repair = "iptables-nft -A INPUT -p tcp --dport 80 -j ACCEPT"

describe.skipIf(labUnavailable)("a confirmation is for what is in force", () => {
  const stage = new ChangeStage()
  const { server, client, armed } = stage
  let candidate: Snapshot

  beforeAll(async () => {
    candidate = await stage.rulesOf(newRules)
    await server.serveTcp(22)
    await server.serveTcp(80)
  })
  beforeEach(() => {
    armed.try("disarm")
    server.sh(noRules)
    armed.arm("--timeout", "5m")
  })
  afterAll(() => stage.close())

  const reaches = (port: number): Promise<boolean> => client.reaches("192.0.2.1", port)
  const confirm = async () => {
    await stage.connect(22)
    return await stage.ask({ command: "confirm", pid: process.pid })
  }
  /** A machine that has started with these rules from its own files. */
  const booted = async (rules: Snapshot): Promise<string> => {
    const { root } = bootRoot({ persistent: "nft", nftables: "enabled" })
    stage.lab.onClose(() => rmSync(root, { recursive: true }))
    await saveForBoot({ root, clock: systemClock }, rules)
    return hostWith(
      stage.lab,
      `iptables-nft-restore <${root}/etc/iptables/rules.v4; iptables-nft -S INPUT`,
    ).sh("iptables-nft -S INPUT")
  }

  it("a repair by hand while it waits is said, and kept by a rollback and by the next boot", async () => {
    expect(await stage.apply(candidate, { save: true })).toMatchObject({ event: "applied" })
    expect([await reaches(22), await reaches(80)]).toEqual([true, false])
    server.sh(repair)
    expect(await reaches(80)).toBe(true)
    const told = await confirm()
    expect(told).toMatchObject({
      event: "confirmed",
      code: "done",
      facts: {
        save: true,
        differs: ["+ nft ip filter -A INPUT -p tcp -m tcp --dport 80 -j ACCEPT"],
      },
    })
    expect(told.message).toContain("--dport 80")

    server.sh("iptables-nft -F INPUT")
    expect(await reaches(80)).toBe(false)
    expect(armed.knock(client, "rollback", "192.0.2.1", "--no-check").outcome.event).toBe("rolled-back")
    expect([await reaches(22), await reaches(80)]).toEqual([true, true])
    expect(await booted(loadSnapshot(String(told.facts?.candidate)))).toContain("--dport 80 -j ACCEPT")
  })

  it("so it is by a knock, and nothing is said where nothing differs", async () => {
    await stage.apply(candidate)
    server.sh(repair)
    expect(armed.knock(client, "confirm", "192.0.2.1").outcome).toMatchObject({ event: "confirmed" })
    expect(armed.events().at(-1)).toMatchObject({ event: "confirmed", by: "a knock" })
    expect(armed.events().at(-1)?.differs).toHaveLength(1)
    server.sh(noRules)
    expect(await stage.apply(candidate)).toMatchObject({ event: "applied" })
    // Somebody else's table is no part of the change.
    server.sh("nft add table inet others; nft add chain inet others in; nft add rule inet others in counter")
    const told = await confirm()
    expect(told.facts).toMatchObject({ differs: [] })
    expect(told.message).toBe("the change is confirmed by fw-apply and stays")
    server.sh(noRules)
    expect(armed.knock(client, "rollback", "192.0.2.1", "--no-check").outcome.event).toBe("rolled-back")
    expect(server.sh("nft list ruleset")).toContain("table inet others")
  })

  it("that comes too late is told when and why the change went back", async () => {
    await stage.apply(candidate, { withinMs: 1000 })
    await eventually("the rollback", async () => (await stage.status()).change === undefined)
    const late = await confirm()
    expect(late).toMatchObject({ event: "nothing-to-confirm", code: "refused" })
    expect(late.message).toMatch(/^too late: the change went back at \d\d:\d\d: not confirmed within 1s$/)
    armed.disarm()
    // Behind the session too.
    const gone = server.try([...fwApply, "confirm"], { env: armed.environment })
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringMatching(/too late: the change went back at/)])
  })

  it("a revert takes its own rules back, and leaves what others have written since", async () => {
    const before = server.sh("iptables -S")
    await stage.apply(candidate)
    server.sh(
      `${repair}; nft add table inet late; nft 'add chain inet late in'; nft add rule inet late in accept`,
    )
    const back = await stage.ask({ command: "rollback", by: "test" })
    expect(back).toMatchObject({ event: "rolled-back", code: "rolled-back" })
    const repaired = "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n"
    const after = server.sh("iptables -S")
    expect(after).toContain(repaired)
    expect(after.replace(repaired, "")).toBe(before)
    expect(server.sh("nft list table inet late")).toContain("accept")
    expect(armed.events().map(({ event }) => event)).not.toContain("taking-away")
  })
})
