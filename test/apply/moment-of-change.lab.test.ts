import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { candidateFrom } from "../../src/apply/candidate/candidate.ts"
import { restoreSnapshot } from "../../src/firewall/restore/restore.ts"
import { compareSnapshots } from "../../src/firewall/snapshot/compare.ts"
import { type Snapshot, takeSnapshot } from "../../src/firewall/snapshot/snapshot.ts"
import { firewallOf } from "../support/firewall/lab-firewall.ts"
import { type Host, Lab, labUnavailable } from "../support/lab/lab.ts"
import { type SteadyStream, startStream } from "../support/lab/steady-stream.ts"

if (labUnavailable) process.stderr.write(`skipped: moment of change: ${labUnavailable}\n`)

/** Rules of a router, `tool` by `tool`: all gone first, then shut, then opened bit by bit; the stream's rule comes last. */
const lineByLine = (port: number, ...tools: readonly string[]): string =>
  tools
    .flatMap((tool) => [
      `${tool} -F`,
      `${tool} -X`,
      `${tool} -t nat -F`,
      `${tool} -P FORWARD DROP`,
      `${tool} -N checks`,
      `${tool} -A FORWARD -m conntrack --ctstate ESTABLISHED -p tcp -j ACCEPT`,
      `${tool} -A FORWARD -j checks`,
      ...Array.from({ length: 40 }, (_, at) => `${tool} -A checks -p tcp --dport ${port + at} -j DROP`),
      `${tool} -t nat -A POSTROUTING -o lan -p tcp --dport ${port} -j MASQUERADE`,
      `${tool} -A FORWARD -p udp --dport 5000 -j ACCEPT`,
    ])
    .join("\n")

const native = (port: number): string => `
nft -f - <<'END'
flush ruleset
table inet gate {
	set denied { type inet_service; elements = { ${port}, ${port + 1} } }
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established accept
		tcp dport @denied drop
		udp dport 5000 counter accept
	}
}
END`

const scripts = [
  { name: "iptables-nft", script: (port: number) => lineByLine(port, "iptables-nft") },
  { name: "iptables-legacy", script: (port: number) => lineByLine(port, "iptables-legacy") },
  { name: "nft", script: native },
  {
    name: "iptables-nft behind nft",
    script: (port: number) => lineByLine(port, "iptables-nft", "ip6tables-nft"),
  },
]

describe.skipIf(labUnavailable)("the moment of change", () => {
  const lab = new Lab()
  let client: Host
  let box: Host
  let stream: SteadyStream

  beforeAll(async () => {
    client = lab.host("client")
    box = lab.host("box")
    const server = lab.host("server")
    lab.join(client, "eth0", ["192.0.2.2/24"], box, "wan", ["192.0.2.1/24"])
    lab.join(server, "eth0", ["198.51.100.2/24"], box, "lan", ["198.51.100.1/24"])
    box.sh("echo 1 >/proc/sys/net/ipv4/ip_forward")
    client.sh("ip route add default via 192.0.2.1")
    server.sh("ip route add default via 198.51.100.1")
    // A connection that the kernel never tracked is new to the first rule that asks.
    box.sh("iptables-nft -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT")
    stream = await startStream(client, server, "198.51.100.2", 5000, 10_000)
    box.sh(lineByLine(7000, "iptables-nft"))
  })
  afterAll(() => lab.close())

  /** What a script makes of the rules in force, found out in a copy. */
  async function rehearsed(script: string, name: string): Promise<Snapshot> {
    const before = await takeSnapshot(firewallOf(box), "before")
    const copy = lab.host(name)
    const deps = firewallOf(copy)
    await restoreSnapshot(deps, before, { folder: join(lab.folder, name) })
    const file = join(lab.folder, `${name}.sh`)
    writeFileSync(file, script)
    copy.run(["sh", "-e", file])
    return candidateFrom(before, await takeSnapshot(deps, "after"), undefined).snapshot
  }

  it("loses packets when a script is run line by line", async () => {
    const { sent, lost, isConnected } = await stream.during(async () => {
      box.sh(lineByLine(7100, "iptables-nft"))
    })
    expect(sent).toBeGreaterThan(0)
    expect(lost).toBeGreaterThan(0)
    expect(isConnected).toBe(true)
  })

  it.each(scripts)("loses none when the candidate is applied: $name", async ({ name, script }) => {
    for (const port of [7200, 7300]) {
      const candidate = await rehearsed(script(port), `${name.replaceAll(" ", "-")}-${port}`)
      const during = await stream.during(async () => {
        const report = await restoreSnapshot(firewallOf(box), candidate, { folder: join(lab.folder, "box") })
        expect(report).toMatchObject({ end: "restored", ok: true, differences: [], left: [] })
      })
      expect(during).toMatchObject({ lost: 0, isConnected: true })
      expect(during.sent).toBeGreaterThan(500)
      expect(compareSnapshots(candidate, await takeSnapshot(firewallOf(box), "now"), "ignored")).toEqual([])
    }
  })
})
