import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: hard resets: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("--hard", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  beforeAll(() => server.serveTcp(22))
  afterEach(() => {
    armed.try("disarm")
  })

  it("clears what a plain reset leaves alone: nat that carries ssh elsewhere, a tc ingress filter, strict rp_filter", async () => {
    armed.arm("--timeout", "2m")
    server.sh(`
      iptables-legacy -t nat -A PREROUTING -p tcp --dport 22 -j REDIRECT --to-ports 9
      nft add table ip6 carry
      nft 'add chain ip6 carry pre { type nat hook prerouting priority dstnat; }'
      nft add rule ip6 carry pre tcp dport 22 redirect to :9
      ip link add sink type veth peer name sink1; ip link set sink up
      tc qdisc add dev sink clsact; tc filter add dev sink ingress protocol all u32 match u32 0 0 action mirred egress redirect dev lo
      echo 1 >/proc/sys/net/ipv4/conf/eth0/rp_filter
    `)
    expect(await client.reaches("192.0.2.1", 22)).toBe(false)
    expect(await client.reaches("2001:db8::1", 22)).toBe(false)
    armed.knock(client, "reset", "192.0.2.1")
    expect(await client.reaches("192.0.2.1", 22)).toBe(false)

    expect(armed.knock(client, "reset", "192.0.2.1", "--hard").outcome).toMatchObject({
      event: "opened",
      exitCode: 0,
    })
    expect(await client.reaches("192.0.2.1", 22)).toBe(true)
    expect(await client.reaches("2001:db8::1", 22)).toBe(true)
    expect(server.sh("tc filter show dev sink ingress").trim()).toBe("")
    expect(server.sh("cat /proc/sys/net/ipv4/conf/eth0/rp_filter").trim()).toBe("2")

    expect(armed.try("undo", "--json").objects[0]).toMatchObject({ code: "done" })
    expect(server.sh("iptables-legacy -t nat -S; nft list table ip6 carry")).toMatch(
      /REDIRECT[\s\S]*redirect to :9/,
    )
    server.sh("iptables-legacy -t nat -F; nft flush ruleset")
  })

  it("names a table whose owner is no service; the door stays closed and every answer counts it", async () => {
    armed.arm("--timeout", "2m")
    const owner = server.start(["nft", "-i"], { stdin: "pipe" })
    owner.stdin?.write(
      "add table inet mine { flags owner; chain in { type filter hook input priority 0; policy drop; }; }\n",
    )
    await eventually("the owned table", () => server.sh("nft list tables").includes("mine"))
    for (const hard of [[], ["--hard"]]) {
      const reset = armed.knock(client, "reset", "192.0.2.1", ...hard)
      expect(reset.outcome).toMatchObject({ event: "opened", stillDropping: 1, exitCode: 3 })
      expect(reset.code).toBe(3)
      expect(await client.reaches("192.0.2.1", 22)).toBe(false)
      expect((armed.status().stillDropping as string[]).join()).toContain("inet mine in")
    }
    await eventually("the name of its owner", () => {
      const left = armed.events().findLast(({ event }) => event === "opened")?.left as string[] | undefined
      return left?.some((line) => line.includes("belongs to nft")) === true
    })
    owner.kill("SIGKILL")
  })
})
