import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { rehearse } from "../../../src/apply/rehearse.ts"
import type { SshConnection } from "../../../src/apply/ssh-client.ts"
import { firewallOf } from "../../support/firewall/lab-firewall.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { eventually } from "../../support/lab/programs.ts"
import { matrix } from "../../support/matrix.ts"
import { inputOf, machineIn, rehearseOn } from "../../support/rehearsing.ts"

if (labUnavailable) process.stderr.write(`skipped: lockout check: ${labUnavailable}\n`)

const from = (clientAddress: string, serverAddress?: string): SshConnection => ({
  clientAddress,
  serverAddress,
  serverPort: 22,
})
const onLink = from("192.0.2.2", "192.0.2.1")
const routed = from("203.0.113.7", "192.0.2.1")
const six = from("2001:db8::2", "2001:db8::1")

const cases: readonly (readonly [string, string, SshConnection, string | RegExp])[] = [
  [
    "only ESTABLISHED",
    "iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT; iptables -P INPUT DROP",
    routed,
    "iptables-nft filter INPUT: policy DROP",
  ],
  ["OUTPUT DROP", "iptables -P OUTPUT DROP", onLink, "iptables-nft filter OUTPUT: policy DROP"],
  [
    "a wrong port",
    "iptables -A INPUT -p tcp --dport 2222 -j ACCEPT; iptables -N rest; iptables -A INPUT -j rest; iptables -A rest -p tcp -m comment --comment 'the rest' -j REJECT",
    onLink,
    'iptables-nft filter rest: -p tcp -m comment --comment "the rest" -j REJECT --reject-with icmp-port-unreachable',
  ],
  [
    "a wrong interface",
    "iptables -A INPUT -i eth1 -p tcp --dport 22 -j ACCEPT; iptables -A INPUT -i eth0 -j DROP",
    onLink,
    "iptables-nft filter INPUT: -i eth0 -j DROP",
  ],
  [
    "IPv6 forgotten",
    "iptables -A INPUT -p tcp --dport 22 -j ACCEPT; for t in iptables ip6tables; do $t -P INPUT DROP; done",
    six,
    "ip6tables-nft filter INPUT: policy DROP",
  ],
  [
    "replies dropped by legacy rules",
    "iptables-legacy -A OUTPUT -p tcp --sport 22 -j DROP",
    onLink,
    "iptables-legacy filter OUTPUT: -p tcp -m tcp --sport 22 -j DROP",
  ],
  [
    "a native table",
    "nft add table inet gate; nft 'add chain inet gate in { type filter hook input priority 5; }'; nft add rule inet gate in tcp dport 22 drop",
    onLink,
    /^nft inet gate in: tcp dport 22 drop$/,
  ],
]

describe.skipIf(labUnavailable)("the lockout check", () => {
  const lab = new Lab()
  afterAll(() => lab.close())
  const host = machineIn(lab)

  it.each(matrix(cases, 2))("refuses %s and names the rule", async (_, script, connection, rule) => {
    const done = await rehearseOn(host, inputOf(lab, `${script}\n`), { connection })
    const verdict = await done.checkLockout(done.result, connection)
    await done.close()
    expect(verdict).toMatchObject({
      way: "shut",
      rule: rule instanceof RegExp ? expect.stringMatching(rule) : rule,
    })
  })

  it("tries each candidate that it is given, whatever the copy held before", async () => {
    const shut = inputOf(lab, "iptables -P INPUT DROP\n")
    const done = await rehearseOn(host, shut, { connection: onLink })
    const verdicts: string[] = []
    for (const candidate of [done.before, done.result, done.before])
      verdicts.push((await done.checkLockout(candidate, onLink)).way)
    await done.close()
    expect(verdicts).toEqual(["open", "shut", "open"])
  })

  it.each([
    ["on the same wire", onLink],
    ["behind a gateway", routed],
    ["over IPv6", six],
    ["behind a gateway over IPv6, the server's address not known", from("2001:db8:9::2")],
  ])("lets a client through that is %s", async (_, connection) => {
    const good = `for t in iptables ip6tables; do $t -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
        $t -A INPUT -p tcp --dport 22 -s ${connection.clientAddress} -i eth0 -j ACCEPT 2>/dev/null || true
        $t -A INPUT -i lo -j ACCEPT; $t -P INPUT DROP; done
      ip6tables -A INPUT -p ipv6-icmp -j ACCEPT\n`
    const done = await rehearseOn(host, inputOf(lab, good), { connection })
    const verdict = await done.checkLockout(done.result, connection)
    await done.close()
    expect(verdict).toEqual({ way: "open", family: connection.clientAddress.includes(":") ? "IPv6" : "IPv4" })
  })

  it("goes through the tables that a program owns as well", async () => {
    const machine = machineIn(lab, "owned")
    const owner = machine.start(["nft", "-i"], { stdin: "pipe" })
    owner.stdin?.write(
      "add table inet held { flags owner; }\nadd chain inet held in { type filter hook input priority 5; }\nadd rule inet held in tcp dport 22 drop\n",
    )
    await eventually("the table", () => machine.sh("nft list ruleset").includes("dport 22 drop"))
    const done = await rehearseOn(machine, inputOf(lab, "iptables -A INPUT -j ACCEPT\n"), {
      connection: onLink,
    })
    const verdict = await done.checkLockout(done.result, onLink)
    await done.close()
    owner.stdin?.end()
    expect(verdict).toMatchObject({ way: "shut", rule: expect.stringMatching(/inet held in: .*drop/) })
  })

  it("is unknown where a table in force cannot be loaded into the copy", async () => {
    const machine = machineIn(lab, "lacking")
    machine.sh(
      `nft 'table inet odd { map m { type ipv4_addr : mark; elements = { 192.0.2.7 : 5 }; }
         chain in { type filter hook input priority 7; meta mark set ip saddr map @m; }; }'`,
    )
    const deps = firewallOf(machine)
    const path = join(lab.folder, "odd-nft")
    // As nft 1.0.6 prints elements that an extension has added.
    writeFileSync(path, `#!/bin/sh\n${deps.tools.nft} "$@" | sed 's/: 0x00000005/: [invalid type]/'\n`, {
      mode: 0o755,
    })
    const input = inputOf(lab, "iptables -A INPUT -j ACCEPT\n")
    const done = await rehearse({ ...deps, tools: { ...deps.tools, nft: path } }, input, {
      connection: onLink,
      timeoutMs: 20_000,
    })
    const verdict = await done.checkLockout(done.result, onLink)
    await done.close()
    expect(verdict).toMatchObject({ way: "unknown", message: expect.stringMatching(/without .*inet odd/) })
  })

  describe("with policy routing", () => {
    const machine = machineIn(lab, "policy")
    const verdictOf = async (script: string, connection: SshConnection) => {
      const done = await rehearseOn(machine, inputOf(lab, `${script}\n`), { connection })
      const verdict = await done.checkLockout(done.result, connection)
      await done.close()
      return verdict
    }
    machine.sh(`ip rule add fwmark 7 prohibit; ip -6 rule add fwmark 7 prohibit
      ip rule add fwmark 8 lookup 100; ip route add default via 192.0.2.254 dev eth0 table 100
      ip rule add fwmark 9 lookup 101; ip route add blackhole default table 101
      ip rule add from 192.0.2.99 blackhole priority 50`)

    it.each([
      [
        "leads nowhere by a rule",
        "iptables -t mangle -A OUTPUT -p tcp --sport 22 -j MARK --set-mark 7",
        onLink,
        false,
      ],
      [
        "leads nowhere by its table",
        "iptables -t mangle -A OUTPUT -p tcp --sport 22 -j MARK --set-mark 9",
        routed,
        false,
      ],
      [
        "leads the same way",
        "iptables -t mangle -A OUTPUT -p tcp --sport 22 -j MARK --set-mark 8",
        routed,
        true,
      ],
      ["is not meant", "iptables -t mangle -A OUTPUT -p tcp --sport 80 -j MARK --set-mark 7", routed, true],
      [
        "leads nowhere, IPv6",
        "ip6tables -t mangle -A OUTPUT -p tcp --sport 22 -j MARK --set-mark 7",
        six,
        false,
      ],
    ] as const)("a mark that %s", async (_, script, connection, ok) => {
      const verdict = await verdictOf(script, connection)
      expect(verdict.way).toBe(ok ? "open" : "shut")
      if (verdict.way === "shut") expect(verdict.message).toMatch(/policy routing may/)
    })

    it("of every kind is taken by the copy: other devices, users, devices that are not there", async () => {
      machine.sh(
        "ip route add default dev eth1 src 198.51.100.1 table 102; ip rule add uidrange 1-2 lookup 102",
      )
      machine.sh("ip rule add iif gone0 lookup 100")
      const verdict = await verdictOf("iptables -A INPUT -s 203.0.113.99 -j DROP", onLink)
      expect(verdict).toMatchObject({ way: "open" })
    })
  })
})
