import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: names that would poison a restore: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("a session beside names that would poison a restore", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const way = (): Promise<boolean[]> =>
    Promise.all([client.reaches("192.0.2.1", 22), client.reaches("192.0.2.1", 23)])
  const native = "nft 'table inet fw { chain in { type filter hook input priority 5; tcp dport 23 drop; }; }'"

  beforeAll(async () => {
    for (const port of [22, 23]) await server.serveTcp(port)
  })
  afterEach(() => {
    armed.try("disarm")
    server.sh("nft flush ruleset; ipset destroy")
  })

  it("a set called `we ird`: all of it comes back, by undo and by a rollback", async () => {
    server.sh(`ipset create 'we ird' hash:ip; ipset add 'we ird' 192.0.2.2; ${native}
      iptables-nft -A INPUT -p tcp --dport 22 -m set --match-set 'we ird' src -j DROP`)
    const rules = (): string =>
      server.sh("iptables-nft-save; nft list table inet fw; ipset save").replace(/^#.*\n/gm, "")
    const before = rules()
    expect(await way()).toEqual([false, false])
    armed.arm("--timeout", "2m")
    armed.knock(client, "reset", "192.0.2.1")
    expect(await way()).toEqual([true, true])
    expect(armed.try("undo", "--json").objects.at(-1)).toMatchObject({ event: "rolled-back", code: "done" })
    expect(await way()).toEqual([false, false])
    armed.knock(client, "reset", "192.0.2.1")
    expect(armed.knock(client, "rollback", "192.0.2.1").outcome).toMatchObject({ event: "rolled-back" })
    expect(await way()).toEqual([false, false])
    expect(rules()).toBe(before)
    expect(armed.status().notRestorable).toEqual([])
  })

  it("a set that nothing can name to ipset: said in status, and what does not need it comes back", async () => {
    server.sh(`ipset create 'q"x' hash:ip; ipset add 'q"x' 192.0.2.2; ${native}
      iptables-nft -A INPUT -p tcp --dport 22 -j DROP`)
    armed.arm("--timeout", "2m")
    await eventually("the proof", () => (armed.status().notRestorable as string[]).length > 0)
    expect(armed.status().notRestorable).toEqual([
      expect.stringMatching(/^a rollback would not bring back ipset q"x: /),
    ])
    armed.knock(client, "reset", "192.0.2.1")
    expect(await way()).toEqual([true, true])
    server.sh(`ipset destroy 'q"x'`)
    const undone = armed.try("undo", "--json")
    expect([undone.code, undone.objects.at(-1)]).toEqual([
      3,
      expect.objectContaining({
        event: "rolled-back",
        message: expect.stringMatching(/but for ipset q"x, which was left alone/),
      }),
    ])
    expect(await way()).toEqual([false, false])
  })
})
