import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: neighbours: ${labUnavailable}\n`)

/** Lockouts that take ARP or neighbour discovery along. */
const deaf: readonly { name: string; family: 4 | 6; rules: string }[] = [
  {
    name: "netdev ingress drop",
    family: 4,
    rules: "table netdev d { chain c { type filter hook ingress device eth0 priority 0; policy drop; }; }",
  },
  {
    name: "netdev ingress drop",
    family: 6,
    rules: "table netdev d { chain c { type filter hook ingress device eth0 priority 0; policy drop; }; }",
  },
  {
    name: "arp input drop",
    family: 4,
    rules: "table arp d { chain c { type filter hook input priority 0; policy drop; }; }",
  },
  {
    name: "arp output drop",
    family: 4,
    rules: "table arp d { chain c { type filter hook output priority 0; policy drop; }; }",
  },
  {
    name: "input policy drop",
    family: 6,
    rules: "table ip6 d { chain c { type filter hook input priority 0; policy drop; }; }",
  },
  {
    name: "output policy drop",
    family: 6,
    rules: "table ip6 d { chain c { type filter hook output priority 0; policy drop; }; }",
  },
]

describe.skipIf(labUnavailable)("when the other side has forgotten our link address", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const address = { 4: "192.0.2.1", 6: "2001:db8::1" }
  const forget = (): string => client.sh("ip neigh flush all")

  beforeAll(async () => {
    await server.serveTcp(22)
  })
  beforeEach(() => {
    server.run(["nft", "flush", "ruleset"])
    armed.try("disarm")
  })

  it.each(deaf)(
    "$name: an IPv$family knock arrives and is answered all the same",
    async ({ family, rules }) => {
      server.run(["nft", "-f", "/dev/stdin"], { input: `${rules}\n` })
      forget()
      expect(await client.reaches(address[family], 22, 1500)).toBe(false)
      armed.arm("--timeout", "1m")
      forget()
      const probe = armed.knock(client, "probe", address[family], "--no-check")
      expect(probe.outcome).toMatchObject({ event: "alive" })
      // Where nothing but ARP was dropped, answering it in the kernel's place has let everybody in again already.
      expect(await client.reaches(address[family], 22, 1500)).toBe(rules.startsWith("table arp"))
      forget()
      expect(armed.knock(client, "reset", address[family]).outcome).toMatchObject({ event: "opened" })
      forget()
      expect(await client.reaches(address[family], 22, 1500)).toBe(true)
    },
  )

  it("the kernel's own answer is not doubled", async () => {
    armed.arm("--timeout", "1m")
    const capture = client.start([
      "tcpdump",
      "-ni",
      "eth0",
      "-l",
      "arp[6:2] == 2 or (icmp6 and ip6[40] == 136)",
    ])
    let heard = ""
    capture.stdout?.on("data", (chunk: Buffer) => {
      heard += chunk.toString()
    })
    await new Promise((resolve) => setTimeout(resolve, 1000))
    forget()
    expect(await client.reaches(address[4], 22, 1500)).toBe(true)
    expect(await client.reaches(address[6], 22, 1500)).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(heard.match(/192\.0\.2\.1 is-at/g)).toHaveLength(1)
    expect(heard.match(/tgt is 2001:db8::1/g)).toHaveLength(1)
  })
})
