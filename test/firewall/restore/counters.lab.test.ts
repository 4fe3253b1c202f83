import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { beforeOpen } from "../../../src/firewall/open/rules-before-open.ts"
import { proveRestorable } from "../../../src/firewall/restore/prove.ts"
import { restoreSnapshot } from "../../../src/firewall/restore/restore.ts"
import { type Snapshot, takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { firewallOf, hostWith } from "../../support/firewall/lab-firewall.ts"
import { armOn } from "../../support/firewall/on-host.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: counters behind an undo: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("counters behind an open and its undo", () => {
  const lab = new Lab()
  afterAll(() => lab.close())
  const host = hostWith(
    lab,
    `ip link set lo up
     iptables-legacy -P INPUT DROP; iptables-legacy -A INPUT -i lo -j ACCEPT
     iptables-nft -A INPUT -i lo -j ACCEPT; iptables-nft -P FORWARD DROP
     ip6tables-nft -A INPUT -p ipv6-icmp -j ACCEPT; ip6tables-nft -A INPUT -j DROP; ip6tables-nft -A OUTPUT -d ::1
     ping -c3 -i 0.01 127.0.0.1 >/dev/null; ping -c3 -i 0.01 ::1 >/dev/null`,
  )
  const rules = (save: string): string =>
    host
      .sh(`${save} -c`)
      .split("\n")
      .filter((line) => line.startsWith("["))
      .join("\n")
  const saves = ["iptables-legacy-save", "iptables-nft-save", "ip6tables-nft-save"]

  it("of rules are as they were when the view that restores them was proven; those of legacy policies are said to be gone", async () => {
    const deps = firewallOf(host)
    const before = saves.map(rules)
    expect(before[2]).toMatch(/^\[6:624\]/)
    let kept: Snapshot | undefined
    const firewall = await armOn(lab, host, {
      keep: async (opened) => {
        kept = beforeOpen(await takeSnapshot(deps, "open"), opened)
      },
    })
    expect(await firewall.open({ scope: "all", hard: false }).settled).toMatchObject({ ok: true })
    firewall.close()
    if (kept === undefined) throw new Error("nothing was kept")

    // Before anybody had the time to prove it: ip6tables-nft-restore 1.8.9 sets no counters, and that is said.
    const folder = join(lab.folder, host.name)
    const early = await restoreSnapshot(deps, kept, { folder })
    expect(early).toMatchObject({ end: "restored", ok: true })
    expect(early.left.map(({ where }) => where)).toEqual([
      "counters of iptables-legacy filter",
      "counters of nft ip6 filter",
    ])
    expect(saves.map(rules).slice(0, 2)).toEqual(before.slice(0, 2))

    const proven = (await proveRestorable(deps, kept)).snapshot
    host.sh("ip6tables-nft -F; iptables-nft -F; iptables-legacy -F")
    const late = await restoreSnapshot(deps, proven, { folder })
    expect(late.left.map(({ where }) => where)).toEqual(["counters of iptables-legacy filter"])
    expect(saves.map(rules)).toEqual(before)
  })
})
