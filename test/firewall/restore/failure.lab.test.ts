import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { restoreSnapshot } from "../../../src/firewall/restore/restore.ts"
import { takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { independentView } from "../../support/firewall/independent-views.ts"
import { firewallOf, hostWith } from "../../support/firewall/lab-firewall.ts"
import { openByHand, rulesets } from "../../support/firewall/rulesets.ts"
import { type Host, Lab, labUnavailable } from "../../support/lab/lab.ts"
import { matrix } from "../../support/matrix.ts"

if (labUnavailable) process.stderr.write(`skipped: undo failures: ${labUnavailable}\n`)

const everything = rulesets.map((ruleset) => ruleset.script).join("\n")

const loaders = [
  ...["nft", "ip6tables-nft-restore", "ebtables-nft-restore"],
  ...["iptables-nft-restore", "ip6tables-legacy-restore", "arptables-legacy"],
  ...["iptables-legacy-restore", "ipset"],
] as const

describe.skipIf(labUnavailable)("an undo that fails", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  /** A program that stands in for a loader: it says `says` and does nothing else. */
  const broken = (says: string): string => {
    const path = join(lab.folder, `broken-${says.length}`)
    writeFileSync(path, `#!/bin/sh\necho '${says}' >&2\nexit 1\n`)
    chmodSync(path, 0o755)
    return path
  }

  it.each(matrix(loaders, 3))("puts every other family back when %s fails", async (tool) => {
    const host = hostWith(lab, everything)
    const deps = firewallOf(host)
    const snapshot = await takeSnapshot(deps, "open")
    host.sh(openByHand)
    // Something of everything is in force now, too: what has to come back is not "no rules".
    fillDifferently(host)
    const before = independentView(host)
    const works = deps.tools[tool] ?? ""
    // It reads as it should, and fails to load, whatever it is asked to load, the first time in this restore.
    const flaky = join(lab.folder, `flaky-${tool}`)
    const loads =
      { nft: '"$1" = -f', ipset: '"$1" = restore', "arptables-legacy": '"$3" != -L' }[tool as string] ?? "1"
    writeFileSync(
      flaky,
      `#!/bin/sh\nif [ ${loads} ] && [ ! -e ${flaky}.failed ]; then : >${flaky}.failed; echo 'made to fail' >&2; exit 1; fi\nexec ${works} "$@"\n`,
    )
    chmodSync(flaky, 0o755)
    const report = await restoreSnapshot({ ...deps, tools: { ...deps.tools, [tool]: flaky } }, snapshot, {
      folder: join(lab.folder, host.name),
    })
    expect(report).toMatchObject({ end: "put-back", ok: false, changed: false })
    expect(report.failures.join()).toMatch(/made to fail/)
    expect(independentView(host)).toBe(before)
    // And once it works again, so does the undo.
    expect(await restoreSnapshot(deps, snapshot, { folder: join(lab.folder, host.name) })).toMatchObject({
      ok: true,
    })
  })

  it("says so when putting back fails as well", async () => {
    const host = hostWith(lab, "iptables-nft -A INPUT -m recent --name a --set -j DROP")
    const deps = firewallOf(host)
    const snapshot = await takeSnapshot(deps, "open")
    host.sh("iptables-nft -F; iptables-nft -A INPUT -m recent --name b --set -j DROP")
    const tools = { ...deps.tools, "iptables-nft-restore": broken("nothing loads here") }
    const report = await restoreSnapshot({ ...deps, tools }, snapshot, {
      folder: join(lab.folder, host.name),
    })
    expect(report).toMatchObject({ end: "half", ok: false })
    expect(report.failures).toHaveLength(2)
    expect(report.failures.join()).toMatch(/nothing loads here/)
  })

  it("gets past a stuck holder of the xtables lock", async () => {
    const host = hostWith(lab, "iptables-legacy -A INPUT -s 192.0.2.7 -j DROP")
    const deps = firewallOf(host)
    const snapshot = await takeSnapshot(deps, "open")
    host.sh(openByHand)
    const before = Date.now()
    const lock = join(lab.folder, "xtables.lock")
    // Not the machine's own lock: another lab may need it. The same program takes whichever the environment names.
    const held = host.start(["flock", lock, "sleep", "60"])
    const restore = join(lab.folder, "restore-behind-lock")
    writeFileSync(
      restore,
      `#!/bin/sh\nexport XTABLES_LOCKFILE=\${XTABLES_LOCKFILE:-${lock}}\nexec ${deps.tools["iptables-legacy-restore"]} "$@"\n`,
    )
    chmodSync(restore, 0o755)
    const tools = { ...deps.tools, "iptables-legacy-restore": restore }
    const report = await restoreSnapshot({ ...deps, tools }, snapshot, {
      folder: join(lab.folder, host.name),
    })
    expect(report).toMatchObject({ end: "restored", ok: true })
    expect(Date.now() - before).toBeLessThan(10_000)
    held.kill("SIGKILL")
  })

  it("changes nothing and says why when the journal cannot be written", async () => {
    const host = hostWith(lab, "iptables-nft -A INPUT -j DROP")
    const deps = firewallOf(host)
    const snapshot = await takeSnapshot(deps, "open")
    host.sh("nft flush ruleset")
    const before = independentView(host)
    await expect(restoreSnapshot(deps, snapshot, { folder: "/proc/no/such" })).rejects.toMatchObject({
      name: "Fault",
    })
    expect(independentView(host)).toBe(before)
  })

  it("names a table that somebody owns and restores the others", async () => {
    const host = hostWith(lab, "iptables-nft -A INPUT -p tcp --dport 22 -j DROP")
    const deps = firewallOf(host)
    const owner = host.start(["sh", "-c", "(echo 'add table inet own { flags owner; }'; sleep 60) | nft -i"])
    for (let n = 0; !host.try(["nft", "list", "tables"]).stdout.includes("inet own"); n++) {
      if (n > 100) throw new Error("the owned table did not come")
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const snapshot = await takeSnapshot(deps, "open")
    host.sh("nft delete table ip filter")
    const report = await restoreSnapshot(deps, snapshot, { folder: join(lab.folder, host.name) })
    expect(report).toMatchObject({ end: "restored", ok: true, left: [] })

    const empty = { ...snapshot, nftTables: [] }
    const second = await restoreSnapshot(deps, empty, { folder: join(lab.folder, host.name) })
    expect(second).toMatchObject({ ok: false, left: [{ where: "nft inet own" }] })
    expect(host.run(["nft", "list", "tables"]).trim()).toBe("table inet own")
    owner.kill("SIGKILL")
  })

  it("changes the type of a set that rules use", async () => {
    const use = (tool: string): string => `${tool} -A INPUT -m set --match-set hosts src -j DROP`
    const uses = `${use("iptables-nft")}; ${use("iptables-legacy")}; iptables-legacy -P INPUT DROP`
    const host = hostWith(lab, `ipset create hosts hash:ip; ipset add hosts 192.0.2.7; ${uses}`)
    const deps = firewallOf(host)
    const before = independentView(host)
    const snapshot = await takeSnapshot(deps, "arming")
    host.sh(`${openByHand}\nipset create hosts hash:net; ipset add hosts 10.0.0.0/8; ${uses}`)
    const report = await restoreSnapshot(deps, snapshot, { folder: join(lab.folder, host.name) })
    expect(report).toMatchObject({ end: "restored", ok: true, failures: [], differences: [] })
    expect(independentView(host)).toBe(before)
  })
})

function fillDifferently(host: Host): void {
  host.sh(`
    ipset create blocked hash:ip; ipset add blocked 198.51.100.1
    for tool in iptables ip6tables; do
      $tool-nft -A INPUT -p udp -m recent --name other --set -j DROP
      $tool-nft -t mangle -A FORWARD -j DROP
      $tool-legacy -A INPUT -p udp --dport 53 -j DROP
    done
    iptables-nft -A INPUT -m set --match-set blocked src -j DROP
    arptables-legacy -A INPUT -s 198.51.100.1 -j DROP
    arptables-nft -A INPUT -s 198.51.100.1 -j DROP
    ebtables-nft -A INPUT -s 02:00:00:00:00:09 -j DROP
    nft 'add table inet fw; add chain inet fw input { type filter hook input priority 3; policy drop; }'
    nft 'add table inet newer; add chain inet newer input { type filter hook input priority 3; policy drop; }'
  `)
}
