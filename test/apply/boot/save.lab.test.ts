import { rmSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { saveForBoot } from "../../../src/apply/boot/save.ts"
import { compareSnapshots } from "../../../src/firewall/snapshot/compare.ts"
import { isOrder } from "../../../src/firewall/snapshot/difference.ts"
import { takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { systemClock } from "../../../src/system/system-clock.ts"
import { firewallOf, hostWith } from "../../support/firewall/lab-firewall.ts"
import { rulesets } from "../../support/firewall/rulesets.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { bootRoot } from "./boot-root.ts"

if (labUnavailable) process.stderr.write(`skipped: boot: ${labUnavailable}\n`)

const scriptOf = (name: string): string =>
  rulesets.find((one) => one.name.startsWith(name))?.script ?? "false"

describe.skipIf(labUnavailable)("what is saved for the next start", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  it.each([
    ["nft", ["iptables-nft filter", "iptables-nft mangle", "iptables-nft with set", "native nft ip, ip6"]],
    ["legacy", ["iptables-legacy, both", "iptables-legacy with ipset", "native nft inet"]],
  ] as const)("makes the same rules when the services load it: iptables is %s", async (backend, names) => {
    const rules = await takeSnapshot(firewallOf(hostWith(lab, names.map(scriptOf).join("\n"))), "made")
    const { root } = bootRoot({ persistent: backend, ipsets: true, nftables: "enabled" })
    lab.onClose(() => rmSync(root, { recursive: true }))
    const { files, notes } = await saveForBoot({ root, clock: systemClock }, rules)
    expect(files.map(({ path }) => path)).toEqual([
      "/etc/iptables/ipsets",
      "/etc/iptables/rules.v4",
      "/etc/iptables/rules.v6",
      "/etc/nftables.conf",
    ])
    expect(notes).toEqual([])

    // In both orders: the two services do not wait for each other.
    for (const order of ["tables first", "nft first"]) {
      const host = hostWith(lab, "true")
      const etc = join(root, "etc")
      // As the plugins of netfilter-persistent 1.0.20 and nftables.service 1.0.6 do it.
      const persistent = `ipset restore -exist <${etc}/iptables/ipsets
        iptables-${backend}-restore <${etc}/iptables/rules.v4
        ip6tables-${backend}-restore <${etc}/iptables/rules.v6`
      const nftables = `nft -f ${etc}/nftables.conf`
      host.sh((order === "nft first" ? [nftables, persistent] : [persistent, nftables]).join("\n"))
      const now = await takeSnapshot(firewallOf(host), "booted")
      // Which table is first to run is the services' own choice.
      expect(
        compareSnapshots(rules, now, "ignored").filter((one) => !isOrder(one)),
        order,
      ).toEqual([])
    }
  })

  it("has the rules of arptables and ebtables that nft can load, and refuses the others, naming them", async () => {
    const plain = `arptables-nft -N own; arptables-nft -A own -s 10.0.0.1 -j DROP; arptables-nft -A INPUT -i eth0 -j own
      arptables-nft -A INPUT --destination-mac 02:00:00:00:00:02/ff:ff:ff:00:00:00 -j DROP; arptables-nft -P OUTPUT DROP
      ebtables-nft -N own -P DROP; ebtables-nft -A own -p ARP -j ACCEPT; ebtables-nft -A FORWARD -i eth0 -j own
      ebtables-nft -P FORWARD DROP; ebtables-nft -t nat -N other`
    const rules = await takeSnapshot(firewallOf(hostWith(lab, plain)), "made")
    const { root } = bootRoot({ persistent: "nft", nftables: "enabled" })
    lab.onClose(() => rmSync(root, { recursive: true }))
    const { files } = await saveForBoot({ root, clock: systemClock }, rules)
    expect(files.map(({ path }) => path)).toContain("/etc/nftables.conf")
    const host = hostWith(lab, `nft -f ${root}/etc/nftables.conf`)
    const booted = await takeSnapshot(firewallOf(host), "booted")
    // nft chooses other instructions that do the same, so its own view is the one to compare.
    const listed = ({ nftTables }: typeof rules) => ({
      ...rules,
      nftTables: nftTables.map((copy) => ({ ...copy, saved: undefined })),
    })
    expect(compareSnapshots(listed(rules), listed(booted), "ignored")).toEqual([])

    for (const extension of [
      "arptables-nft -A OUTPUT -j mangle --mangle-ip-s 10.0.0.9",
      "ebtables-nft -A FORWARD -p IPv4 --ip-src 10.0.0.1 -j DROP",
      "arptables-legacy -A INPUT -s 10.0.0.1 -j DROP",
    ]) {
      const taken = await takeSnapshot(firewallOf(hostWith(lab, extension)), "made")
      await expect(saveForBoot({ root, clock: systemClock }, taken), extension).rejects.toMatchObject({
        code: "refused",
        message: expect.stringMatching(/no service loads/),
      })
    }
  })
})
