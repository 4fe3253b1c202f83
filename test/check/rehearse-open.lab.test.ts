import { afterAll, describe, expect, it } from "vitest"
import { rehearseOpen } from "../../src/check/rehearse-open.ts"
import { independentView } from "../support/firewall/independent-views.ts"
import { firewallOf, hostWith } from "../support/firewall/lab-firewall.ts"
import { rulesets } from "../support/firewall/rulesets.ts"
import { Lab, labUnavailable } from "../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: rehearsal of an open: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("the rehearsal of an open", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  it.each([
    { name: "no rules", script: "true" },
    {
      name: "iptables-nft and legacy rules that drop, a native table with nat",
      script: `
        for family in iptables ip6tables; do
          $family-nft -A INPUT -m recent --name a --set -j DROP
          $family-legacy -P INPUT DROP
          $family-legacy -t raw -A PREROUTING -p tcp -j DROP
        done
        nft add table ip gate
        nft 'add chain ip gate post { type nat hook postrouting priority srcnat ; }'
        nft 'add chain ip gate in { type filter hook input priority 5 ; policy drop ; }'
        nft add table netdev early
        nft 'add chain netdev early in { type filter hook ingress device eth0 priority 0 ; policy drop ; }'`,
    },
  ])("lets through what was shut out before, with $name, and touches nothing here", async ({ script }) => {
    const host = hostWith(
      lab,
      `ip link set eth0 up; ip link set eth1 up; ip address add 198.51.100.1/24 dev eth0
      ip route add default via 198.51.100.2; ${script}`,
    )
    host.sh("ip link set eth0 down; ip link set eth1 down")
    const before = independentView(host)
    const findings = await rehearseOpen(firewallOf(host))
    expect(findings).toEqual([
      {
        level: "ok",
        subject: "rehearsal",
        message: expect.stringMatching(/IPv4 tcp\/22, IPv4 tcp\/40022, IPv6 tcp\/22, IPv6 tcp\/40022/),
      },
    ])
    expect(independentView(host)).toBe(before)
  })

  it("finds that nat carries the ssh port elsewhere", async () => {
    const host = hostWith(
      lab,
      "iptables-nft -t nat -A PREROUTING -p tcp --dport 22 -j DNAT --to-destination 192.0.2.77",
    )
    const findings = await rehearseOpen(firewallOf(host))
    expect(findings.map(({ level, message }) => `${level} ${message}`)).toEqual([
      expect.stringMatching(/^problem .*did not let through: IPv4 tcp\/22$/),
      expect.stringMatching(/^note .*IPv4 tcp\/40022, IPv6 tcp\/22, IPv6 tcp\/40022$/),
    ])
  })

  it("says which tables are not in the copy", async () => {
    const host = hostWith(
      lab,
      "iptables-nft -A INPUT -m recent --name a --set -j DROP; nft add rule ip filter INPUT ct state established accept",
    )
    const findings = await rehearseOpen(firewallOf(host))
    expect(findings.map(({ level, message }) => `${level} ${message}`)).toEqual([
      expect.stringMatching(/^note not rehearsed with nft ip filter: .*nft cannot print/),
      expect.stringMatching(/^ok /),
    ])
  })

  it("opens everything of the matrix at once", async () => {
    const host = hostWith(lab, rulesets.map((ruleset) => ruleset.script).join("\n"))
    const findings = await rehearseOpen(firewallOf(host))
    expect(findings.filter(({ level }) => level !== "ok")).toEqual([])
    expect(findings).toHaveLength(1)
  })
})
