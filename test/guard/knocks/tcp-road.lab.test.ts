import { chownSync, copyFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { twoHosts } from "../../support/lab/lab.ts"
import { serverAddress } from "../../support/lab/lockouts.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { SshLab, sshUnavailable } from "../../support/lab/ssh-server.ts"
import { settled } from "./knocks.ts"
import { pythonKnock } from "./python-knock.ts"
import { masquerade, routedHosts, routedServer } from "./router.ts"

if (sshUnavailable) process.stderr.write(`skipped: tcp road: ${sshUnavailable}\n`)

const filters = (lines: readonly string[]): string =>
  ["iptables-nft", "ip6tables-nft"].flatMap((tool) => lines.map((line) => `${tool} ${line}`)).join("\n")
const drop = filters(["-P INPUT DROP", "-P OUTPUT DROP"])
const noEcho = `table inet quiet {
  chain in { type filter hook input priority 0; icmp type { echo-request, echo-reply } drop; icmpv6 type { echo-request, echo-reply } drop; }
  chain out { type filter hook output priority 0; icmp type { echo-request, echo-reply } drop; icmpv6 type { echo-request, echo-reply } drop; }
}\n`

/** By the kernel's sockets, as an ordinary user; and by raw ones. */
const roads = ["tcp", "raw-tcp"] as const
const cases = ([4, 6] as const).flatMap((family) => roads.map((road) => ({ family, road })))
const nobody = { uid: 65534 }

describe.skipIf(sshUnavailable)("over TCP, where no echo goes either way", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const reaches = (family: 4 | 6): Promise<boolean> => client.reaches(serverAddress(family), 22, 3000)
  const knock = (
    verb: string,
    family: 4 | 6,
    road: string,
    port = 22,
    ...more: string[]
  ): ReturnType<typeof pythonKnock> =>
    pythonKnock(client, armed.secretFile, [verb, serverAddress(family), "--road", `${road}/${port}`, ...more])

  beforeAll(async () => {
    await new SshLab(lab).machine(server, { address: "192.0.2.1" })
    armed.arm("--timeout", "10m", "--road", "tcp/22", "--road", "tcp/2222")
    expect(armed.status().roads).toEqual(["icmp", "tcp/22", "tcp/2222"])
    client.run(["nft", "-f", "/dev/stdin"], { input: noEcho })
  })
  beforeEach(async () => {
    await settled(armed)
    server.sh("nft flush ruleset")
  })

  it.each(cases)(
    "IPv$family by $road, everything dropped: a probe is answered, a reset opens",
    async ({ family, road }) => {
      server.sh(drop)
      expect(await client.reaches(serverAddress(family), 22)).toBe(false)
      const probe = await knock("probe", family, road)
      expect(probe).toMatchObject({ code: 0, said: { verdict: "alive" } })
      expect(await client.reaches(serverAddress(family), 22)).toBe(false)
      const reset = await knock("reset", family, road)
      expect(reset).toMatchObject({ code: 0, said: { verdict: "opened" } })
      expect(await reaches(family)).toBe(true)
      expect(armed.events().findLast(({ event }) => event === "knock")).toMatchObject({ road: "tcp/22" })
    },
  )

  it.each(cases)("IPv$family by $road, sshd is open: a probe is answered", async ({ family, road }) => {
    expect(await knock("probe", family, road)).toMatchObject({ code: 0, said: { verdict: "alive" } })
    expect(await reaches(family)).toBe(true)
  })

  it.each(cases)(
    "IPv$family by $road, REJECT with tcp-reset: the knock is heard, and opens",
    async ({ family, road }) => {
      server.sh(filters(["-A INPUT -p tcp -j REJECT --reject-with tcp-reset"]))
      expect(await client.reaches(serverAddress(family), 22)).toBe(false)
      // To a kernel's socket the reset comes before the answer. What comes after the open is answered.
      const probe = await knock("probe", family, road, 22, "--wait", "3")
      expect(probe.said.verdict).toBe(road === "tcp" ? null : "alive")
      await knock("reset", family, road)
      expect(await reaches(family)).toBe(true)
    },
  )

  it.each([4, 6] as const)(
    "IPv%i by a raw socket, nobody listens at the port: a probe is answered",
    async (family) => {
      const probe = await knock("probe", family, "raw-tcp", 2222)
      expect(probe).toMatchObject({ code: 0, said: { verdict: "alive" } })
    },
  )

  it.each(roads)(
    "by %s: SYN cookies for everybody, strict rp_filter, and no timestamps change nothing",
    async (road) => {
      server.sh(
        "sysctl -qw net.ipv4.tcp_syncookies=2 net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1",
      )
      expect(await knock("probe", 4, road)).toMatchObject({ code: 0, said: { verdict: "alive" } })
      client.sh("sysctl -qw net.ipv4.tcp_timestamps=0")
      expect(await knock("probe", 4, road)).toMatchObject({ code: 0, said: { verdict: "alive" } })
      server.sh(drop)
      expect(await knock("reset", 4, road)).toMatchObject({ code: 0, said: { verdict: "opened" } })
      expect(await reaches(4)).toBe(true)
      client.sh("sysctl -qw net.ipv4.tcp_timestamps=1")
      server.sh("sysctl -qw net.ipv4.tcp_syncookies=1")
    },
  )

  it("as nobody", async () => {
    server.sh(drop)
    const args = ["probe", "192.0.2.1", "--road", "tcp/22"]
    const own = join(lab.folder, "nobody's")
    copyFileSync(armed.secretFile, own)
    chownSync(own, nobody.uid, nobody.uid)
    expect(await pythonKnock(client, own, args, nobody)).toMatchObject({
      code: 0,
      said: { verdict: "alive" },
    })
  })

  it.each(["127.0.0.1", "192.0.2.1", "2001:db8::1"])("from the server itself, at %s", async (address) => {
    for (const road of roads) {
      const args = ["probe", address, "--road", `${road}/22`]
      expect(await pythonKnock(server, armed.secretFile, args)).toMatchObject({
        code: 0,
        said: { verdict: "alive" },
      })
    }
  })
})

describe.skipIf(sshUnavailable)(
  "over TCP, behind a router that masquerades and drops what is invalid",
  () => {
    const { lab, server, router, client } = routedHosts()
    afterAll(() => lab.close())
    const armed = new ArmedServer(lab, server)

    beforeAll(async () => {
      await new SshLab(lab).machine(server, { address: routedServer })
      armed.arm("--timeout", "10m")
      masquerade({ server, router })
      expect(await client.reaches(routedServer, 22, 3000)).toBe(true)
    })

    it.each(roads)("by %s: a probe at the open port, a probe and a reset at the shut one", async (road) => {
      const knock = (verb: string): ReturnType<typeof pythonKnock> =>
        pythonKnock(client, armed.secretFile, [verb, routedServer, "--road", `${road}/22`])
      expect(await knock("probe")).toMatchObject({ code: 0, said: { verdict: "alive" } })
      server.sh("nft flush ruleset; iptables-nft -P INPUT DROP; iptables-nft -P OUTPUT DROP")
      expect(await client.reaches(routedServer, 22)).toBe(false)
      expect(await knock("probe")).toMatchObject({ code: 0, said: { verdict: "alive" } })
      expect(await knock("reset")).toMatchObject({ code: 0, said: { verdict: "opened" } })
      expect(await client.reaches(routedServer, 22, 3000)).toBe(true)
      await settled(armed)
    })
  },
)
