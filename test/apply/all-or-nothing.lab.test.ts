import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { restoreSnapshot } from "../../src/firewall/restore/restore.ts"
import { takeSnapshot } from "../../src/firewall/snapshot/snapshot.ts"
import { independentView } from "../support/firewall/independent-views.ts"
import { firewallOf, hostWith } from "../support/firewall/lab-firewall.ts"
import { type Host, Lab, labUnavailable } from "../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: all or nothing: ${labUnavailable}\n`)

const native = `
	nft add table inet gate
	nft 'add set inet gate seen { type ipv4_addr ; flags dynamic,timeout ; timeout 1h ; }'
	nft 'add chain inet gate checks'
	nft 'add rule inet gate checks tcp dport 23 counter packets 5 bytes 300 drop'
	nft 'add chain inet gate input { type filter hook input priority 0 ; policy accept ; }'
	nft 'add rule inet gate input counter packets 7 bytes 420 jump checks'`

describe.skipIf(labUnavailable)("a change of rules", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  const apply = async (host: Host, other: string, spoil = (text: string) => text) => {
    const wanted = await takeSnapshot(firewallOf(hostWith(lab, other)), "wanted")
    const candidate = JSON.parse(spoil(JSON.stringify(wanted)))
    return await restoreSnapshot(firewallOf(host), candidate, { folder: join(lab.folder, host.name) })
  }

  it.each(["nft", "legacy"])("puts IPv4 back when IPv6 cannot be loaded: %s", async (backend) => {
    const host = hostWith(lab, `iptables-${backend} -A INPUT -p tcp --dport 22 -j ACCEPT -c 3 180`)
    const before = independentView(host)
    const tools = [`iptables-${backend}`, `ip6tables-${backend}`]
    const both = tools.map((tool) => `${tool} -A INPUT -p udp --dport 53 -j DROP`)
    // A jump to a chain that is not there: every parser takes it, the kernel does not.
    const report = await apply(
      host,
      `${both.join("\n")}\n${tools[1]} -A INPUT -p udp --sport 7 -j DROP`,
      (text) => text.replace("--sport 7 -j DROP", "--sport 7 -j NOSUCH"),
    )
    expect(report).toMatchObject({ end: "put-back", ok: false, changed: false })
    expect(report.failures[0]).toMatch(/^ip6tables/)
    expect(independentView(host)).toBe(before)
  })

  it("goes on counting from now, where the rule is the same", async () => {
    const rules = "iptables-nft -A INPUT -p tcp --dport 22 -j ACCEPT -c"
    const host = hostWith(lab, `${rules} 9 540`)
    const candidate = await takeSnapshot(
      firewallOf(hostWith(lab, `${rules} 3 180; iptables-nft -A INPUT -j LOG`)),
      "rehearsed",
    )
    const folder = join(lab.folder, host.name)
    await restoreSnapshot(firewallOf(host), candidate, { folder, counters: "in force" })
    expect(host.sh("iptables-nft-save -c")).toMatch(/\[9:540\] -A INPUT .*\n\[0:0\] -A INPUT -j LOG/)
  })

  it("changes only the chains that differ, and the table stays what it was", async () => {
    const host = hostWith(lab, native)
    host.sh("nft 'add element inet gate seen { 192.0.2.7 timeout 1h }'")
    const handles = (): string =>
      host.sh("nft -a list table inet gate | grep -E 'table|set |chain |dport 23'")
    const before = handles()
    // Other policy, other rule, one chain more.
    const report = await apply(
      host,
      `${native}
      nft 'add chain inet gate input { policy drop ; }'
      nft 'add chain inet gate more'
      nft 'add rule inet gate more drop'
      nft 'add rule inet gate input tcp dport { 22, 80 } accept'
      nft 'add rule inet gate input meta l4proto vmap { icmp : goto more }'`,
    )
    expect(report).toMatchObject({ end: "restored", ok: true, left: [], differences: [] })
    expect(handles().split("\n")).toEqual(expect.arrayContaining(before.split("\n")))
    const now = host.sh("nft list table inet gate")
    expect(now).toContain("192.0.2.7")
    expect(now).toContain("policy drop;")
    expect(now).toContain("tcp dport { 22, 80 } accept")
    // And back.
    const back = await apply(host, native)
    expect(back).toMatchObject({ end: "restored", ok: true })
    expect(handles()).toBe(before)
    expect(host.sh("nft list table inet gate")).toContain("192.0.2.7")
  })
})
