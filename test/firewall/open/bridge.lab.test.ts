import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { armOn, type HostFirewall } from "../../support/firewall/on-host.ts"
import { Prober } from "../../support/firewall/prober.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: opens of a bridge: ${labUnavailable}\n`)

const rows = [
  {
    name: "native policy",
    script: "nft 'table bridge fw { chain in { type filter hook input priority 0; policy drop; }; }'",
  },
  {
    name: "native verdict map ahead of routing",
    script: `nft 'table bridge fw { chain pre { type filter hook prerouting priority -300; ether type vmap { ip : drop, ip6 : drop }; }; }'`,
  },
  { name: "ebtables-nft policy", script: "ebtables-nft -P INPUT DROP" },
  {
    name: "ebtables-nft rule in a chain of its own",
    script:
      "ebtables-nft -N own; ebtables-nft -A own -j DROP; ebtables-nft -A INPUT -p IPv4 -j own; ebtables-nft -A INPUT -p IPv6 -j own",
  },
]

describe.skipIf(labUnavailable)("on a host whose address is on a bridge, an open opens", () => {
  const lab = new Lab()
  const server = lab.host("server")
  const client = lab.host("client")
  lab.join(server, "eth0", [], client, "eth0", ["192.0.2.2/24", "2001:db8::2/64"])
  const prober = new Prober(client)
  let firewall: HostFirewall
  beforeAll(async () => {
    server.sh(`ip link add br0 type bridge forward_delay 0; ip link set eth0 master br0; ip link set br0 up
      ip address add 192.0.2.1/24 dev br0; ip address add 2001:db8::1/64 dev br0 nodad`)
    await server.serveTcp(22)
    firewall = await armOn(lab, server)
  })
  afterAll(() => lab.close())

  it.each(rows)("$name", async ({ script }) => {
    const addresses = ["192.0.2.1", "2001:db8::1"]
    await expect.poll(() => prober.each(addresses)).toEqual([true, true])
    server.sh(script)
    expect(await prober.each(addresses, 250)).toEqual([false, false])
    const opening = firewall.open({ scope: "all", hard: false })
    expect(await opening.committed).toMatchObject({ failures: [] })
    expect(await opening.settled).toMatchObject({ ok: true, changed: true, stillDropping: [] })
    expect(await prober.each(addresses, 2_500)).toEqual([true, true])
    server.sh("nft flush ruleset")
  })
})
