import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually, type Printed } from "../../support/lab/programs.ts"
import { openTerminal } from "../../support/used-terminal.ts"

if (labUnavailable) process.stderr.write(`skipped: re-locks: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("rules that drop, added after an open", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  beforeAll(() => server.serveTcp(22))

  it("are told with the terminal that was in use just then, and without one that was not", async () => {
    const terminal = await openTerminal()
    lab.own(terminal.process)
    armed.arm("--timeout", "2m")

    const reLocked = async (count: number): Promise<Printed> => {
      server.sh("iptables-nft -P INPUT DROP")
      expect(await client.reaches("192.0.2.1", 22)).toBe(false)
      expect(armed.knock(client, "reset", "192.0.2.1").code).toBe(0)
      expect(await client.reaches("192.0.2.1", 22)).toBe(true)
      if (count === 2) terminal.type("iptables-nft -P INPUT DROP")
      server.sh("iptables-nft -P INPUT DROP")
      expect(await client.reaches("192.0.2.1", 22)).toBe(false)
      await eventually("the report", () => armed.status().reLocks === count)
      return armed.events().findLast(({ event }) => event === "re-locked") ?? {}
    }
    expect((await reLocked(1)).terminals).not.toContain(terminal.name)
    const second = await reLocked(2)
    expect(second.terminals).toContain(terminal.name)
    expect(second.msg).toMatch(/^rules that drop were added since the open: .* in use just then: /)
    expect(second.hint).toContain("if it was you, all is well")
  })
})
