import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { eventually } from "../../support/lab/programs.ts"
import { ApplyStage } from "./stage.ts"

if (labUnavailable) process.stderr.write(`skipped: fw-apply beside other writers: ${labUnavailable}\n`)

/** A script of the host's own rules; it names no chain of anybody else's. */
const own = (port: number): string =>
  `iptables -C INPUT -p tcp --dport ${port} -j ACCEPT 2>/dev/null || iptables -A INPUT -p tcp --dport ${port} -j ACCEPT\n`

describe.skipIf(labUnavailable)("fw-apply beside programs that write all the time", () => {
  const stage = new ApplyStage()
  const { server, armed } = stage
  beforeAll(() => server.serveTcp(22))
  let stopWriter: (() => Promise<number>) | undefined
  afterEach(async () => {
    await stopWriter?.()
    armed.try("disarm")
    server.sh("nft flush ruleset")
  })
  afterAll(() => stage.lab.close())

  /** Adds rules, and counts them. It ends with its test. */
  const writer = (command: string): { stop: () => Promise<number> } => {
    const child = stage.startWriter(command)
    let last = 0
    child.stdout?.on("data", (text) => {
      last = Number(String(text).trim().split("\n").at(-1))
    })
    const closed = new Promise((resolve) => child.once("close", resolve))
    const stop = async (): Promise<number> => {
      child.kill("SIGTERM")
      await closed
      return last
    }
    stopWriter = stop
    return { stop }
  }

  it.each([
    [
      "into a chain of its own in the table that is changed",
      "iptables -N KUBE-SERVICES; iptables -A FORWARD -j KUBE-SERVICES",
      "iptables -w 5 -A KUBE-SERVICES -p tcp --dport $n -j ACCEPT",
      "iptables -S KUBE-SERVICES",
    ],
    [
      "into a native table beside it",
      "nft 'table inet f2b-table { set banned { type ipv4_addr; }; chain c { type filter hook input priority -1; }; }'",
      "nft add rule inet f2b-table c tcp dport $n counter accept",
      "nft list chain inet f2b-table c",
    ],
  ])(
    "%s: applied, reverted, and nothing of theirs lost",
    async (_, setup, write, list) => {
      server.sh(`iptables -A INPUT -p tcp --dport 22 -j ACCEPT; ${setup}`)
      const busy = writer(write)
      const rounds = Number(process.env.FW_ROUNDS ?? 3)
      for (let round = 0; round < rounds; round += 1) {
        const running = stage.start(stage.file(own(3000 + round)), "--confirm-within", "5s")
        await eventually("its end", () => running.code !== undefined, 90_000)
        expect(running.objects.at(-1)).toMatchObject({ event: "rolled-back", exitCode: 2 })
        expect(running.has("applied")).toBe(true)
        expect(server.sh("iptables -S INPUT")).not.toContain(`--dport ${3000 + round}`)
      }
      const written = await busy.stop()
      expect(written).toBeGreaterThan(20)
      const left = server.sh(list)
      const lost = Array.from({ length: written - 1 }, (_, index) => index + 1).filter(
        (port) => !new RegExp(`dport ${port}\\b`).test(left),
      )
      expect(lost).toEqual([])
    },
    600_000,
  )

  it("into the very chain that is changed, in front: merged line by line, and none of theirs lost but in the moment itself", async () => {
    server.sh("iptables -A INPUT -p tcp --dport 22 -j ACCEPT")
    const busy = writer("iptables -w 5 -I INPUT -p udp --dport $n -j ACCEPT")
    const rounds = Number(process.env.FW_ROUNDS ?? 2)
    for (let round = 0; round < rounds; round += 1) {
      const running = stage.start(stage.file(own(3000 + round)), "--confirm-within", "5s")
      await eventually("its end", () => running.code !== undefined, 90_000)
      expect(running.has("applied"), JSON.stringify(running.objects)).toBe(true)
      expect(running.objects.at(-1)).toMatchObject({ event: "rolled-back" })
    }
    const written = await busy.stop()
    const left = server.sh("iptables -S INPUT")
    expect(left).not.toMatch(/--dport 30\d\d/)
    const lost = Array.from({ length: written - 1 }, (_, index) => index + 1).filter(
      (port) => !left.includes(`-p udp -m udp --dport ${port} `),
    )
    // What is written into a chain between the last look at it and its transaction nobody sees: one in each, apply and revert.
    expect(lost.length, `lost: ${lost.join(" ")} of ${written}`).toBeLessThanOrEqual(2 * rounds)
  }, 180_000)

  it("in the middle of what is replaced: refused, with the lines of both sides", async () => {
    server.sh(
      "iptables -A INPUT -p tcp --dport 2221 -j ACCEPT; iptables -A INPUT -p tcp --dport 2222 -j ACCEPT",
    )
    const busy = writer("iptables -w 5 -I INPUT 2 -p udp --dport $n -j DROP")
    const file = stage.file(
      "iptables -F INPUT\nsleep 1\niptables -A INPUT -p tcp --dport 22 -j ACCEPT\niptables -A INPUT -p tcp --dport 3000 -j ACCEPT\n",
    )
    const { code, outcome } = stage.run(file, "--no-confirm", "--json")
    await busy.stop()
    expect([code, outcome.event]).toEqual([1, "raced"])
    expect(outcome.message).toMatch(/iptables? filter INPUT|nft ip filter INPUT/)
    expect(outcome.message).toMatch(/here: \+ .*--dport 3000.*by others: \+ .*-p udp/)
    expect(server.sh("iptables -S INPUT")).not.toContain("3000")
  }, 120_000)

  it("a ban that comes into a chain that is not ours, and into one that we change, outlives the revert", async () => {
    server.sh(
      "iptables -N f2b-sshd; iptables -A INPUT -p tcp --dport 22 -j f2b-sshd; iptables -A f2b-sshd -j RETURN; iptables -A INPUT -p tcp --dport 22 -j ACCEPT",
    )
    const before = server.sh("iptables -S")
    const running = stage.start(stage.file(own(3000)), "--confirm-within", "10s")
    await eventually("the change", () => running.has("applied"), 60_000)
    server.sh("iptables -I f2b-sshd -s 198.51.100.99 -j REJECT; iptables -I INPUT -s 198.51.100.98 -j DROP")
    await eventually("the revert", () => running.code !== undefined, 30_000)
    expect(running.objects.at(-1)).toMatchObject({ event: "rolled-back", code: "rolled-back" })
    const after = server.sh("iptables -S")
    expect(after).toContain("-A f2b-sshd -s 198.51.100.99/32 -j REJECT")
    expect(after).toContain("-A INPUT -s 198.51.100.98/32 -j DROP")
    const without = after.split("\n").filter((line) => !/198\.51\.100\.9[89]/.test(line))
    expect(without.join("\n")).toBe(before)
  }, 120_000)
})
