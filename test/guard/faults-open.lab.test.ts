import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../lab/lab.ts"
import { ArmedServer, eventually } from "../lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: a guard killed in an open: ${labUnavailable}\n`)

const table = "nft list table ip filter"

describe.skipIf(labUnavailable)("a guard that is killed between an open and its settling", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  beforeAll(() => server.serveTcp(22))
  const armed = new ArmedServer(lab, server)

  it("is resumed by one that settles: nothing sleeps for ever, and undo has what was there before", async () => {
    server.sh("nft 'add table inet own { flags dormant; chain c { type filter hook input priority 0; }; }'")
    // Much to keep, so that there is time between an open and its settling.
    const elements = Array.from({ length: 40_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`).join(", ")
    server.run(["nft", "-f", "/dev/stdin"], {
      input: `table inet much { set s { type ipv4_addr; elements = { ${elements} }; }; }\n`,
    })
    armed.arm("--timeout", "2m")
    expect(armed.knock(client, "probe", "192.0.2.1", "--no-check").outcome).toMatchObject({ pinned: true })
    server.sh("iptables-nft -P INPUT DROP; iptables-nft -A INPUT -p tcp --dport 9 -j ACCEPT")
    const locked = server.sh("iptables-nft -S")
    const guard = armed.status().guardPid as number
    const journal = join(armed.runtimeFolder(), "journal.json")
    const killer = server.start([
      "sh",
      "-c",
      `until ${table} | grep -q dormant && grep -q opening ${journal}; do :; done; kill -9 ${guard}`,
    ])
    const killed = new Promise((resolve) => killer.once("exit", resolve))
    armed.knock(client, "reset", "192.0.2.1", "--wait", "1s", "--no-check")
    await killed
    expect(server.sh(table)).toContain("flags dormant")

    expect(armed.try("resume").code).toBe(0)
    await eventually("its settling", () => armed.status().opens === 1, 30_000)
    expect(server.sh(table)).not.toContain("dormant")
    expect(server.sh("iptables-nft -S")).toBe("-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n")
    expect(server.sh("nft list table inet own")).toContain("flags dormant") // that was somebody else
    expect(await client.reaches("192.0.2.1", 22)).toBe(true)
    expect(armed.try("undo").code).toBe(0)
    expect(server.sh("iptables-nft -S")).toBe(locked)
    expect(await client.reaches("192.0.2.1", 22)).toBe(false)
    armed.disarm()
  })
})
