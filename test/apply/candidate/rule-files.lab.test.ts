import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { candidateFrom } from "../../../src/apply/candidate/candidate.ts"
import { ruleFiles } from "../../../src/apply/candidate/rule-files.ts"
import { differenceOf } from "../../../src/apply/difference/difference.ts"
import { restoreSnapshot } from "../../../src/firewall/restore/restore.ts"
import { compareSnapshots } from "../../../src/firewall/snapshot/compare.ts"
import { type Snapshot, takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { firewallOf, hostWith } from "../../support/firewall/lab-firewall.ts"
import { rulesets } from "../../support/firewall/rulesets.ts"
import { keeping } from "../../support/keeping.ts"
import { type Host, Lab, labUnavailable } from "../../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: rule files: ${labUnavailable}\n`)

/** What Docker 28 and fail2ban leave behind, as their own tools do it. */
const others = `
	iptables-nft -t nat -N DOCKER
	iptables-nft -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
	iptables-nft -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
	iptables-nft -t nat -A DOCKER ! -i docker0 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
	for chain in DOCKER DOCKER-USER DOCKER-FORWARD DOCKER-CT; do iptables-nft -N $chain; done
	iptables-nft -A FORWARD -j DOCKER-USER -c 5 300
	iptables-nft -A FORWARD -j DOCKER-FORWARD
	iptables-nft -A DOCKER-FORWARD -j DOCKER-CT
	iptables-nft -A DOCKER-FORWARD -i docker0 -j ACCEPT
	iptables-nft -A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT -c 7 420
	iptables-nft -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT
	iptables-nft -P FORWARD DROP
	ipset create f2b-sshd hash:ip timeout 600
	iptables-nft -A INPUT -p tcp --dport 22 -m set --match-set f2b-sshd src -j REJECT
	nft add table inet f2b-table
	nft 'add set inet f2b-table banned { type ipv4_addr ; elements = { 192.0.2.66 } ; }'
	nft 'add chain inet f2b-table input { type filter hook input priority -1 ; }'
	nft add rule inet f2b-table input ip saddr @banned drop`

const scripts = [
  {
    name: "an nft script that flushes the ruleset and makes a table of the same name",
    script: `nft -f - <<'END'
flush ruleset
table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
		ct state established accept
		tcp dport { 80, 443 } accept
	}
}
END`,
  },
  {
    name: "iptables -F and -X",
    script:
      "iptables-nft -F; iptables-nft -X; iptables-nft -t nat -F; iptables-nft -t nat -X; iptables-nft -P FORWARD ACCEPT; iptables-nft -A INPUT -j ACCEPT",
  },
  {
    name: "nothing but a flush",
    script: "nft flush ruleset",
  },
]

describe.skipIf(labUnavailable)("rules as files", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  /** Loads the files, as their first lines say, into a host without rules. */
  async function loaded(rules: Snapshot): Promise<{ host: Host; now: Snapshot }> {
    const host = hostWith(lab, "true")
    const folder = join(lab.folder, `files-${host.name}`)
    mkdirSync(folder)
    for (const { name, text, load } of ruleFiles(rules)) {
      writeFileSync(join(folder, name), text)
      expect(text).toContain(load)
      host.sh(`cd ${folder} && ${load}`)
    }
    return { host, now: await takeSnapshot(firewallOf(host), "loaded") }
  }

  it.each(rulesets.slice(1))(
    "are taken by their tools and make the same rules: $name",
    async ({ script }) => {
      const rules = await takeSnapshot(firewallOf(hostWith(lab, script)), "made")
      const { now } = await loaded(rules)
      expect(compareSnapshots(rules, now, "exact")).toEqual([])
    },
  )

  it.each(scripts)("hold what Docker and fail2ban made, after $name", async ({ script }) => {
    const host = hostWith(lab, others)
    const deps = firewallOf(host)
    const before = await takeSnapshot(deps, "before")
    host.run(["sh", "-ec", script])
    const result = await takeSnapshot(deps, "result")
    const { snapshot } = candidateFrom(before, result, keeping(before))
    const { now, host: other } = await loaded(snapshot)
    expect(compareSnapshots(snapshot, now, "ignored")).toEqual([])
    const rules = other.sh("nft list ruleset")
    expect(rules).toMatch(/jump DOCKER-USER\n.*jump DOCKER-FORWARD/)
    expect(rules).toMatch(/chain DOCKER-CT \{\n.*oifname "docker0".*packets 7 bytes 420 accept/)
    expect(rules).toMatch(/jump DOCKER\n/)
    expect(rules).toMatch(/ip saddr 172.17.0.0\/16 .*masquerade/i)
    expect(rules).toContain("192.0.2.66")
    expect(other.sh("ipset list -n")).toContain("f2b-sshd")

    // And applied where the script has run, it is in force, and there is nothing left to do.
    const report = await restoreSnapshot(deps, snapshot, { folder: join(lab.folder, host.name) })
    expect(report).toMatchObject({ ok: true, left: [], differences: [] })
    const applied = await takeSnapshot(deps, "applied")
    expect(differenceOf(applied, snapshot)).toEqual({ changed: false, lines: [] })
    const again = candidateFrom(applied, result, keeping(applied))
    expect(differenceOf(applied, again.snapshot)).toEqual({ changed: false, lines: [] })
  })
})
