import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { formatSecret } from "../../src/secrets/secret.ts"
import { AnsibleStage, ansibleUnavailable, noNewOne, type Played, playbook, policy, rules } from "./stage.ts"

if (ansibleUnavailable) process.stderr.write(`skipped: the Ansible collection: ${ansibleUnavailable}\n`)

describe.skipIf(ansibleUnavailable)("a change by Ansible on three hosts at once", () => {
  const stage = new AnsibleStage()
  const secret = formatSecret(new Uint8Array(randomBytes(16)))
  beforeAll(() => stage.start(), 120_000)
  afterAll(() => stage.lab.close())

  describe("that is good", () => {
    let played: Played
    beforeAll(async () => {
      const variables = { rules: stage.file("firewall.sh", rules(22, 8080)), shut: noNewOne, secret }
      played = await stage.play(playbook("changes.yml"), "-e", JSON.stringify(variables))
      await stage.untilOver("b")
    }, 300_000)

    it("is shown in check mode, which changes nothing", () => {
      const tried = played.of("tried", "c")
      expect(tried.how, played.text).toBe("changed")
      expect(tried.diff).toContain("+ -A INPUT -p tcp -m tcp --dport 8080 -j ACCEPT\n")
      expect(played.of("made", "c").diff).toBe(tried.diff)
    })

    it.each(stage.names)("is made and confirmed over a new connection, and then unchanged: %s", (name) => {
      const made = played.of("made", name)
      expect(made.how, played.text).toBe("changed")
      expect(made.result.outcome).toMatchObject({ event: "confirmed", by: "fw-apply", wayIn: "IPv4" })
      expect(played.of("made again", name).how).toBe("ok")
      expect(stage.rules(name)).toContain("--dport 8080 -j ACCEPT")
    })

    it("one that would lock out is refused in the rehearsal, with its rule, and the batches behind it do not begin", () => {
      const refused = played.results.filter(({ task }) => task === "refused")
      expect(
        refused.map(({ host, how }) => [host, how]),
        played.text,
      ).toEqual([["a", "failed"]])
      const { result, diff } = played.of("refused")
      expect([result.changed, result.rule]).toEqual([false, policy])
      expect(result.msg).toContain("would lock you out")
      expect(diff).toContain("- -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n")
      expect(played.code).not.toBe(0)
    })

    it("a session is armed, told and disarmed", () => {
      const ends = ["armed", "known", "disarmed"].map((end) => played.of(`session ${end}`).how)
      expect(ends, played.text).toEqual(["changed", "ok", "changed"])
      const { armed, status } = played.of("session known").result
      expect([armed, status]).toEqual([true, expect.objectContaining({ event: "status" })])
    })

    it("no secret is printed", () => {
      expect(played.text).not.toContain(secret)
    })
  })
})
