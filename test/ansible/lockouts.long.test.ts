import { readFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { eventually } from "../support/lab/programs.ts"
import { AnsibleStage, ansibleUnavailable, noNewOne, type Played, playbook, policy, rules } from "./stage.ts"

if (ansibleUnavailable) process.stderr.write(`skipped: the Ansible collection: ${ansibleUnavailable}\n`)

/** Nothing comes in any more; connections that stand are cut off too. */
const silence = "iptables -F\niptables -P INPUT DROP\n"

describe.skipIf(ansibleUnavailable)("a change by Ansible that nobody can confirm", () => {
  const stage = new AnsibleStage()
  beforeAll(() => stage.start(), 120_000)
  afterAll(() => stage.lab.close())
  let played: Played
  const before: Record<string, string> = {}
  beforeAll(async () => {
    for (const name of stage.names) {
      stage.server(name).sh(rules(22))
      before[name] = stage.rules(name)
    }
    const files = {
      a: stage.file("a.sh", noNewOne),
      b: stage.file("b.sh", silence),
      c: stage.file("c.sh", rules(22, 8081)),
    }
    const playing = stage.play(playbook("lockouts.yml"), "-e", JSON.stringify({ playbook_rules: files }))
    const c = stage.server("c")
    const rehearses = () =>
      c.pids().some((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("fw-apply.js\0")
        } catch {
          return false // it has ended
        }
      })
    await eventually("the change on c", rehearses, 60_000)
    c.sh("ip link set eth0 down")
    played = await playing
    c.sh("ip link set eth0 up")
  }, 300_000)

  it("goes back where no new connection gets in: failed, with the rule, and with when it went back", () => {
    const { how, result } = played.of("forced", "a")
    expect([how, result.changed, result.went_back, result.rule], played.text).toEqual([
      ...["failed", false, true],
      policy,
    ])
    expect(result.msg).toMatch(
      /^no new connection got in in time, stopped by iptables-nft filter INPUT: policy DROP \(.*too late: the change went back at/,
    )
    expect(stage.rules("a")).toBe(before.a)
  })

  it("goes back where the connection that made it is cut off", () => {
    const { how, result } = played.of("forced", "b")
    expect([how, result.changed, result.went_back], played.text).toEqual(["failed", false, true])
    expect(stage.rules("b")).toContain("--dport 22 -j ACCEPT")
  })

  it("says of a host that died in the middle that nothing is known, and it goes back there", async () => {
    const { how, result } = played.of("forced", "c")
    expect([how, result.changed, result.went_back], played.text).toEqual(["failed", true, undefined])
    expect(result.msg).toMatch(/goes back by itself.* nothing is known until the host can be reached again/)
    await stage.untilOver("c")
    expect(stage.rules("c")).not.toContain("8081")
  })
})
