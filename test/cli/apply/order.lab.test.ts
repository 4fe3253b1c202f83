import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { eventually } from "../../support/lab/programs.ts"
import { ApplyStage } from "./stage.ts"

if (labUnavailable)
  process.stderr.write(`skipped: the order of base chains behind fw-apply: ${labUnavailable}\n`)

const dropped = "iptables-nft -A INPUT -p tcp --dport 9 -j DROP"
const rejected =
  "nft 'table inet fw { chain in { type filter hook input priority 0; tcp dport 9 reject with tcp reset; }; }'"

/** What is there, and a script; whichever chain the script registers last runs first, and answers. */
const cases: readonly { name: string; before: string; script: string; says: [string, string] }[] = [
  {
    name: "a new native table beside iptables",
    before: dropped,
    script: rejected,
    says: ["timeout", "refused"],
  },
  {
    name: "a new table of iptables beside a native one",
    before: rejected,
    script: dropped,
    says: ["refused", "timeout"],
  },
  {
    name: "a native table that the script makes anew",
    before: `${rejected}\n${dropped}`,
    script: `nft delete table inet fw\n${rejected}\niptables-nft -A INPUT -p tcp --dport 99 -j DROP`,
    says: ["timeout", "refused"],
  },
  {
    name: "a table of iptables that the script restores whole",
    before: `${dropped}\n${rejected}`,
    script: "iptables-nft-save | sed 's/--dport 9 /--dport 9 -s 192.0.2.0\\/24 /' | iptables-nft-restore",
    says: ["refused", "timeout"],
  },
]

describe.skipIf(labUnavailable)("fw-apply and the order of base chains at one hook", () => {
  const stage = new ApplyStage()
  const { server, client, armed } = stage
  beforeAll(() => server.serveTcp(22))
  afterEach(() => {
    armed.try("disarm")
    server.sh("nft flush ruleset")
  })
  afterAll(() => stage.lab.close())

  const answer = (): string => {
    const tried = client.try(["timeout", "2", "bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/9"])
    return tried.code === 124 ? "timeout" : /refused/i.test(tried.stderr) ? "refused" : tried.stderr
  }

  it.each(cases)(
    "$name: as the script would have put it, and back",
    async ({ before, script, says: [old, now] }) => {
      server.sh(before)
      expect(answer(), "before").toBe(old)
      server.sh(script)
      expect(answer(), "the script itself").toBe(now)
      server.sh(`nft flush ruleset\n${before}`)

      const running = stage.start(stage.file(`${script}\n`), "--confirm-within", "10s")
      await eventually("the change", () => running.has("applied") || running.code !== undefined, 60_000)
      expect(running.objects.at(-1)).toMatchObject({ event: "applied" })
      expect(answer(), "fw-apply").toBe(now)
      await eventually("the revert", () => running.code !== undefined, 30_000)
      expect(running.objects.at(-1)).toMatchObject({ event: "rolled-back", code: "rolled-back" })
      expect(answer(), "the revert").toBe(old)
    },
    120_000,
  )
})
