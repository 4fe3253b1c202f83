import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { openMark } from "../../../src/firewall/open/backend.ts"
import type { Opened } from "../../../src/firewall/open/contract.ts"
import { armOn } from "../../support/firewall/on-host.ts"
import { Prober } from "../../support/firewall/prober.ts"
import { type Host, labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { wipe } from "./lockouts.ts"

if (labUnavailable) process.stderr.write(`skipped: what survives an open: ${labUnavailable}\n`)

/** What a docker host has beside its own rules, for one backend and family. */
const docker = (tool: string, natTool = tool): string => `
  ${natTool} -t nat -N DOCKER
  ${natTool} -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
  ${natTool} -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
  ${natTool} -t nat -A DOCKER ! -i docker0 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
  ${tool} -N DOCKER; ${tool} -N DOCKER-USER
  ${tool} -A FORWARD -j DOCKER-USER
  ${tool} -A FORWARD -o docker0 -j DOCKER
  ${tool} -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT
  ${tool} -A DOCKER-USER -j RETURN
  ${tool} -t mangle -N MARKING
  ${tool} -t mangle -A PREROUTING -j MARKING
  ${tool} -t mangle -A MARKING -p tcp --dport 23 -j DROP
  ${tool} -t mangle -A MARKING -p tcp --dport 22 -j MARK --set-mark 0x16
  ${tool} -t mangle -A PREROUTING -j CONNMARK --save-mark
  ${tool} -P INPUT DROP; ${tool} -P FORWARD DROP`

const saved = (server: Host, command: string): string[] =>
  server
    .sh(command)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.replace(/\[\d+:\d+\]/, "[0:0]"))

describe.skipIf(labUnavailable)("an open leaves alone", () => {
  const { lab, server, client } = twoHosts()
  const prober = new Prober(client)
  beforeAll(async () => {
    await server.serveTcp(22)
    await server.serveTcp(2200)
  })
  afterEach(() => {
    server.sh(`${wipe}; iptables-legacy -t nat -F; iptables-legacy -t nat -X`)
  })
  afterAll(() => lab.close())

  it.each(["iptables-nft", "iptables-legacy"])("nat, own chains and marks: %s", async (tool) => {
    server.sh(docker(tool))
    const firewall = await armOn(lab, server)
    const natBefore = saved(server, `${tool}-save -t nat`)
    const mangleBefore = saved(server, `${tool}-save -t mangle`)
    const filterBefore = saved(server, `${tool}-save -t filter`)
    expect(await prober.reaches("192.0.2.1", 22, 250)).toBe(false)
    expect(await firewall.open({ scope: "all", hard: false }).settled).toMatchObject({
      ok: true,
      stillDropping: [],
    })
    expect(await prober.reaches("192.0.2.1")).toBe(true)
    expect(saved(server, `${tool}-save -t nat`)).toEqual(natBefore)
    // Of mangle only the rule that drops is gone.
    expect(saved(server, `${tool}-save -t mangle`)).toEqual(
      mangleBefore.filter((line) => !line.endsWith("-j DROP")),
    )
    // Of filter the builtin chains' rules are gone; the chains of others are whole.
    expect(saved(server, `${tool}-save -t filter`)).toEqual(
      filterBefore
        .map((line) => line.replace(/^:(INPUT|FORWARD) DROP/, ":$1 ACCEPT"))
        .filter((line) => !/^-A (INPUT|FORWARD|OUTPUT) /.test(line)),
    )
  })

  it("sets, maps, counters, own chains and nat of a native table, with a real redirect going through", async () => {
    server.run(["nft", "-f", "/dev/stdin"], {
      input: `table inet fw {
        set friends { type ipv4_addr; flags timeout; elements = { 192.0.2.9 timeout 1h } }
        map marks { type inet_service : mark; elements = { 22 : 0x16, 80 : 0x50 } }
        counter seen { packets 5 bytes 300 }
        chain own { tcp dport 25 counter packets 7 bytes 420 drop
        }
        chain redirected { type nat hook prerouting priority dstnat; policy accept;
          tcp dport 2022 redirect to :2200
        }
        chain mangled { type filter hook prerouting priority mangle; policy accept;
          meta mark set tcp dport map @marks
          counter name seen
          tcp dport 22 counter drop
        }
        chain in { type filter hook input priority filter; policy drop;
          jump own
        }
      }\n`,
    })
    const firewall = await armOn(lab, server)
    expect(await prober.reaches("192.0.2.1", 2022, 250)).toBe(false)
    expect(await firewall.open({ scope: "all", hard: false }).settled).toMatchObject({
      ok: true,
      stillDropping: [],
    })
    expect(await prober.reaches("192.0.2.1", 2022)).toBe(true)
    const after = server.run(["nft", "list", "table", "inet", "fw"])
    expect(after).toMatch(/192\.0\.2\.9 timeout 1h expires/)
    expect(after).toContain("elements = { 22 : 0x00000016, 80 : 0x00000050 }")
    expect(after).toContain("tcp dport 25 counter packets 7 bytes 420 drop")
    expect(after).toContain("meta mark set tcp dport map @marks")
    expect(after).toContain("tcp dport 2022 redirect to :2200")
    expect(after).not.toContain("dormant")
    expect(after).not.toContain(openMark)
    expect(after).not.toContain("jump own")
  })

  it("the marks that a policy-routed answer takes its way by", async () => {
    // Answers to the client go by table 7 only because OUTPUT marks them; the main table sends them to nobody.
    server.sh(`
      iptables-nft -t mangle -A OUTPUT -p tcp --sport 22 -j MARK --set-mark 0x7
      iptables-nft -t mangle -A OUTPUT -p udp -j DROP
      ip rule add fwmark 7 lookup 7
      ip route add 192.0.2.0/24 dev eth0 table 7
      ip route add 192.0.2.2/32 via 192.0.2.77 dev eth0
      iptables-nft -P INPUT DROP`)
    const firewall = await armOn(lab, server)
    expect(await prober.reaches("192.0.2.1", 22, 250)).toBe(false)
    expect(await firewall.open({ scope: "all", hard: false }).settled).toMatchObject({
      ok: true,
      stillDropping: [],
    })
    expect(await prober.reaches("192.0.2.1")).toBe(true)
    expect(server.run(["iptables-nft", "-t", "mangle", "-S", "OUTPUT"])).toBe(
      "-P OUTPUT ACCEPT\n-A OUTPUT -p tcp -m tcp --sport 22 -j MARK --set-xmark 0x7/0xffffffff\n",
    )
    server.sh("ip rule del fwmark 7; ip route del 192.0.2.2/32")
  })

  it("a table that slept before, and everything outside of --scope filter", async () => {
    server.sh(`nft 'table inet asleep { flags dormant; chain in { type filter hook input priority 0; policy drop; }; }'
      iptables-nft -A INPUT -j DROP; iptables-legacy -A INPUT -j DROP
      iptables-nft -t raw -A PREROUTING -p tcp --dport 2200 -j DROP
      nft 'table inet other { chain in { type filter hook input priority 0; tcp dport 2200 drop; }; }'`)
    const before = server.run(["nft", "list", "table", "inet", "asleep"])
    let kept: Opened | undefined
    const firewall = await armOn(lab, server, {
      keep: async (opened) => {
        kept = { ...opened }
        return "a-name"
      },
    })
    const report = await firewall.open({ scope: "filter", hard: false }).settled
    expect(report).toMatchObject({ ok: true, changed: true, stillDropping: [] })
    expect(kept).toMatchObject({
      // It shares its hook with a legacy table, and would run in front of that when it woke.
      asleep: [],
      legacyAccepts: expect.arrayContaining(["iptables-legacy filter"]),
    })
    expect(await prober.reaches("192.0.2.1")).toBe(true)
    expect(await prober.reaches("192.0.2.1", 2200, 250)).toBe(false)
    expect(server.run(["nft", "list", "table", "inet", "asleep"])).toBe(before)
    expect(await firewall.open({ scope: "all", hard: false }).settled).toMatchObject({
      ok: true,
      stillDropping: [],
    })
    expect(await prober.reaches("192.0.2.1", 2200)).toBe(true)
    expect(server.run(["nft", "list", "table", "inet", "asleep"])).toBe(before)
  })

  it("a table that a process owns: shut as it was, counted, and the rest opens", async () => {
    const owner = server.start(["nft", "-i"], { stdin: "pipe" })
    owner.stdin?.write(
      "add table inet owned { flags owner; }; add chain inet owned in { type filter hook input priority 0; policy drop; }\n",
    )
    server.sh("iptables-nft -P INPUT DROP")
    await new Promise((resolve) => setTimeout(resolve, 300))
    const firewall = await armOn(lab, server)
    const opening = firewall.open({ scope: "all", hard: false })
    expect(await opening.committed).toMatchObject({ failures: [] })
    expect((await opening.settled).stillDropping).toEqual([
      { backend: "nft", where: "inet owned in (policy drop, in a table that a process owns)" },
    ])
    expect(await prober.reaches("192.0.2.1", 22, 250)).toBe(false)
    expect(server.run(["iptables-nft", "-S", "INPUT"])).toContain("-P INPUT ACCEPT")
    const ended = new Promise((resolve) => owner.once("exit", resolve))
    owner.kill("SIGKILL")
    await ended
    await expect.poll(() => prober.reaches("192.0.2.1", 22, 250)).toBe(true)
  })
})
