import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, type Printed } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: obstacles: ${labUnavailable}\n`)

const addresses = { IPv4: "192.0.2.1", IPv6: "2001:db8::1" } as const
const asked = "clear more first: fw-knock reset --hard"

describe.skipIf(labUnavailable)("what an open leaves alone and stops packets all the same", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  beforeAll(() => server.serveTcp(22))
  afterEach(() => {
    armed.try("disarm")
  })

  const reaches = (address: string): Promise<boolean> => client.reaches(address, 22)
  const lastOpened = (): Printed => armed.events().findLast(({ event }) => event === "opened") ?? {}

  /** Puts it there, knocks, and takes it away; the port is open before and after it. */
  async function behind(
    address: string,
    put: string,
    take: string,
    ...hard: string[]
  ): Promise<{ outcome: Printed; status: Printed; opened: Printed }> {
    expect(await reaches(address)).toBe(true)
    armed.arm("--timeout", "1m")
    server.sh(put)
    expect(await reaches(address)).toBe(false)
    const { outcome } = armed.knock(client, "reset", address, ...hard)
    expect(outcome).toMatchObject({ event: "opened", verified: true, stillDropping: 0, exitCode: 3 })
    expect(await reaches(address)).toBe(false)
    const [status, opened] = [armed.status(), lastOpened()]
    server.sh(take)
    expect(await reaches(address)).toBe(true)
    armed.disarm()
    return { outcome, status, opened }
  }

  it.each([
    [
      "iptables-nft",
      "IPv4",
      "iptables-nft -t mangle -A OUTPUT -p tcp --sport 22 -j MARK --set-mark 7",
      "prohibit",
    ],
    [
      "iptables-legacy",
      "IPv4",
      "iptables-legacy -t mangle -A OUTPUT -p tcp --sport 22 -j MARK --set-mark 7",
      "blackhole",
    ],
    [
      "nft",
      "IPv6",
      "nft add table inet m; nft 'add chain inet m o { type route hook output priority mangle; }'; nft add rule inet m o tcp sport 22 meta mark set 7",
      "table 100",
    ],
  ] as const)(
    "is a mark of %s over %s with an `ip rule` that leads nowhere",
    async (_name, family, mark, rule) => {
      const ip = family === "IPv6" ? "ip -6" : "ip"
      const { outcome, status, opened } = await behind(
        addresses[family],
        `${mark}; ${ip} route add unreachable default table 100; ${ip} rule add fwmark 7 ${rule}`,
        `${ip} rule del fwmark 7`,
      )
      expect(outcome).toMatchObject({ mayStop: ["routing"], allLookedAt: true })
      expect(outcome.hint).toMatch(`${asked} ${addresses[family]}; the server sees what can stop it: routing`)
      const named = [
        expect.stringMatching(/^routing: an `ip rule` for fwmark 0x7: the way back is .*marked by .*mark/i),
      ]
      expect(status).toMatchObject({ mayStop: named, notLookedAt: [] })
      expect(opened).toMatchObject({ mayStop: named, hint: expect.stringContaining("fwmark 0x7") })
      expect(armed.try("status").code).toBe(1)
      server.sh(
        `${ip} route flush table 100; iptables-nft -t mangle -F; iptables-legacy -t mangle -F; nft flush ruleset`,
      )
    },
  )

  it("is a rule in nat that carries the port elsewhere, and no other", async () => {
    const { outcome, status } = await behind(
      addresses.IPv4,
      `iptables-nft -t nat -N CARRY; iptables-nft -t nat -A PREROUTING -p tcp -j CARRY
       iptables-nft -t nat -A CARRY -p tcp --dport 8080 -j REDIRECT --to-ports 80
       iptables-nft -t nat -A CARRY -p tcp --dport 20:30 -j REDIRECT --to-ports 9`,
      "iptables-nft -t nat -F",
    )
    expect(outcome).toMatchObject({ mayStop: ["port-translation"], allLookedAt: true })
    expect(outcome.hint).toContain("the server sees a rule in nat that carries the port elsewhere")
    expect(status.mayStop).toEqual([expect.stringContaining("--dport 20:30 -j REDIRECT")])
  })

  it("is a tc filter, on the way in and on the way out", async () => {
    for (const direction of ["ingress", "egress"]) {
      const { status, outcome } = await behind(
        addresses.IPv4,
        `tc qdisc add dev eth0 clsact
         tc filter add dev eth0 ${direction} protocol ip u32 match ip protocol 6 0xff action mirred egress redirect dev lo`,
        "tc qdisc del dev eth0 clsact",
      )
      expect(outcome).toMatchObject({ mayStop: ["traffic-control"] })
      expect(status.mayStop).toEqual([`traffic-control: a tc ${direction} filter on eth0`])
    }
  })

  it("is strict rp_filter where the way back leads out by another interface, and a way back that is none", async () => {
    server.sh("ip link add sink type veth peer name sink1; ip link set sink up; ip link set sink1 up")
    server.sh("echo 1 >/proc/sys/net/ipv4/conf/eth0/rp_filter")
    const strict = await behind(
      addresses.IPv4,
      "ip route add 192.0.2.2/32 dev sink",
      "ip route del 192.0.2.2/32 dev sink",
    )
    expect(strict.outcome).toMatchObject({ mayStop: ["reverse-path"] })
    expect(strict.status.mayStop).toEqual([
      "reverse-path: strict rp_filter on eth0: the way back to 192.0.2.2 leads out by sink",
    ])
    server.sh("echo 0 >/proc/sys/net/ipv4/conf/eth0/rp_filter")
    const none = await behind(
      addresses.IPv4,
      "ip route add unreachable 192.0.2.2/32",
      "ip route del unreachable 192.0.2.2/32",
    )
    expect(none.status.mayStop).toEqual(["routing: the way back to 192.0.2.2 is unreachable"])
  })

  it("is nothing of the server's where the server sees nothing: --hard first, then what stands in front of it", async () => {
    for (const hard of [[], ["--hard"]]) {
      armed.arm("--timeout", "1m")
      client.sh("iptables-nft -A INPUT -p tcp --sport 22 -j DROP")
      expect(await reaches(addresses.IPv4)).toBe(false)
      const { outcome, code } = armed.knock(client, "reset", addresses.IPv4, ...hard)
      expect([outcome.mayStop, outcome.allLookedAt, code]).toEqual([[], true, 3])
      expect(outcome.hint).toContain("it is not in the server's firewall")
      expect(String(outcome.hint).startsWith(asked)).toBe(hard.length === 0)
      expect(lastOpened().hint).toBeUndefined()
      client.sh("iptables-nft -F")
      expect(await reaches(addresses.IPv4)).toBe(true)
      armed.disarm()
    }
  })

  it("does not go on being said when rules are in force again", async () => {
    armed.arm("--timeout", "1m")
    server.sh(
      "iptables-nft -t nat -A PREROUTING -p tcp --dport 22 -j REDIRECT --to-ports 9; iptables-nft -P INPUT DROP",
    )
    expect(armed.knock(client, "reset", addresses.IPv4).code).toBe(3)
    expect(armed.status().mayStop).toHaveLength(1)
    expect(armed.try("undo").code).toBe(0)
    expect(armed.status()).toMatchObject({ mayStop: [], notLookedAt: [] })
    server.sh("iptables-nft -P INPUT ACCEPT; iptables-nft -t nat -F")
  })
})
