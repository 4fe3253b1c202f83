import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { type Host, labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: undo over the control socket: ${labUnavailable}\n`)

/** Rules in both backends, both families and native nft, with a nat chain beside a filter chain in one table. */
const rules = `
iptables-nft -N web; iptables-nft -A INPUT -p tcp --dport 22 -j ACCEPT; iptables-nft -A INPUT -p tcp -m multiport --dports 80,443 -j web
iptables-nft -A web -m limit --limit 5/s -j ACCEPT; iptables-nft -P FORWARD DROP
iptables-legacy -A INPUT -s 198.51.100.0/24 -j DROP; iptables-legacy -t mangle -A PREROUTING -p udp -j MARK --set-mark 7
ip6tables-nft -A INPUT -p tcp --dport 22 -j ACCEPT; ip6tables-legacy -A FORWARD -j DROP
nft -f - <<RULES
table inet mixed {
  set bad { type ipv4_addr; elements = { 203.0.113.5, 203.0.113.9 }; }
  counter seen { }
  chain in { type filter hook input priority 10; policy accept; ip saddr @bad counter drop; tcp dport vmap { 23 : drop, 22 : accept }; }
  chain post { type nat hook postrouting priority srcnat; oifname "nowhere0" masquerade; }
}
RULES
`

/** Everything that is in force, in views that undo does not use, without what changes by itself. */
const inForce = (host: Host): string =>
  host
    .sh(
      `iptables-nft -S; iptables-nft -t mangle -S 2>/dev/null || true; ip6tables-nft -S; iptables-legacy -S; iptables-legacy -t mangle -S
       ip6tables-legacy -S; nft -s list table inet mixed`,
    )
    .replace(/counter packets \d+ bytes \d+/g, "counter")

describe.skipIf(labUnavailable)("the way back", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  let before: string

  beforeAll(async () => {
    await server.serveTcp(22)
    server.sh(rules)
    before = inForce(server)
    expect(await client.reaches("192.0.2.1", 22)).toBe(true)
  })
  afterEach(() => {
    armed.try("disarm")
  })
  const lock = (): string =>
    server.sh(
      "iptables-nft -P INPUT DROP; iptables-nft -D INPUT 1; iptables-legacy -P OUTPUT DROP; nft flush chain inet mixed in; nft add rule inet mixed in drop",
    )
  const open = (): void => {
    expect(armed.knock(client, "reset", "192.0.2.1").outcome).toMatchObject({ event: "opened" })
  }

  it("undo puts back what the last open took away, the lockout as it was", async () => {
    armed.arm("--timeout", "2m")
    lock()
    const locked = inForce(server)
    expect(await client.reaches("192.0.2.1", 22)).toBe(false)
    open()
    expect(inForce(server)).not.toBe(locked)
    const undone = armed.try("undo", "--json")
    expect(undone.objects[0]).toMatchObject({ event: "rolled-back", code: "done" })
    expect(inForce(server)).toBe(locked)
    expect(await client.reaches("192.0.2.1", 22)).toBe(false)
    expect(armed.try("undo").code).toBe(1)
    open()
  })

  it("a rollback knock puts back the rules in force at arming, whatever happened since", async () => {
    server.sh(
      "nft flush ruleset; iptables-legacy -F; iptables-legacy -P OUTPUT ACCEPT; iptables-legacy -t mangle -F; ip6tables-legacy -F",
    )
    server.sh("iptables-nft -N web 2>/dev/null || true; iptables-nft -X web")
    server.sh(rules)
    before = inForce(server)
    armed.arm("--timeout", "2m")
    lock()
    const rollback = armed.knock(client, "rollback", "192.0.2.1")
    expect(rollback.outcome).toMatchObject({ event: "rolled-back", exitCode: 0 })
    expect(inForce(server)).toBe(before)
    expect(await client.reaches("192.0.2.1", 22)).toBe(true)
  })

  it("--on-expiry rollback keeps its promise", async () => {
    armed.arm("--timeout", "10s", "--on-expiry", "rollback")
    lock()
    open()
    await eventually("the expiry", () => armed.try("status").code === 1, 13_000)
    expect(inForce(server)).toBe(before)
  })

  it("--open-for goes back to the rules in force at arming", async () => {
    armed.arm("--timeout", "2m", "--open-for", "5s")
    lock()
    open()
    expect(inForce(server)).not.toBe(before)
    await eventually("the way back", () => inForce(server) === before, 8_000)
    expect(armed.status().opens).toBe(1)
  })

  it("what an open kept is tried out afterwards, and said when it would not come back", async () => {
    armed.arm("--timeout", "2m")
    const found = (): string[] =>
      armed.events().flatMap(({ event, msg }) => (event === "not-restorable" ? [String(msg)] : []))
    expect(found()).toEqual([])
    // The view of neither tool holds both rules.
    server.sh(
      "iptables-nft -A INPUT -m recent --name a --set -j DROP; nft add rule ip filter INPUT ct state established accept",
    )
    lock()
    open()
    await eventually("the proof", () => found().length > 0)
    expect(found()).toEqual([expect.stringMatching(/^an undo would not bring back nft ip filter: /)])
    armed.disarm()
    server.run(["nft", "flush", "ruleset"])
  })
})
