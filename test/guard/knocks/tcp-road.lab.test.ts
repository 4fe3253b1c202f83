import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { serverAddress } from "../../support/lab/lockouts.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { pythonKnock } from "./python-knock.ts"

if (labUnavailable) process.stderr.write(`skipped: tcp road: ${labUnavailable}\n`)

const each = (verdict: string): string =>
  ["iptables-nft", "ip6tables-nft"]
    .flatMap((tool) => ["INPUT", "OUTPUT"].map((chain) => `${tool} -P ${chain} ${verdict}`))
    .join("\n")
/** By the kernel's sockets as an ordinary user, and by raw ones. */
const roads = ["tcp", "raw-tcp"] as const
const cases = ([4, 6] as const).flatMap((family) => roads.map((road) => ({ family, road })))

describe.skipIf(labUnavailable)("over TCP, where no ICMP goes either way", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const reaches = (family: 4 | 6): Promise<boolean> => client.reaches(serverAddress(family), 22)
  const knock = (
    verb: string,
    family: 4 | 6,
    road: string,
    ...args: string[]
  ): ReturnType<typeof pythonKnock> =>
    pythonKnock(client, armed.secretFile, [verb, serverAddress(family), "--road", `${road}/22`, ...args])

  beforeAll(async () => {
    await server.serveTcp(22)
    armed.arm("--timeout", "10m")
    expect(armed.status().roads).toEqual(["icmp", "tcp/22"])
    client.run(["nft", "-f", "/dev/stdin"], {
      input: `table inet quiet {
        chain in { type filter hook input priority 0; icmp type { echo-request, echo-reply } drop; icmpv6 type { echo-request, echo-reply } drop; }
        chain out { type filter hook output priority 0; icmp type { echo-request, echo-reply } drop; icmpv6 type { echo-request, echo-reply } drop; }
      }\n`,
    })
  })
  beforeEach(() => {
    server.sh("nft flush ruleset")
  })

  it.each(cases)(
    "IPv$family, $road: INPUT and OUTPUT drop everything: a probe is answered, a reset opens",
    async ({ family, road }) => {
      server.sh(each("DROP"))
      expect(await reaches(family)).toBe(false)
      const probe = await knock("probe", family, road)
      expect(probe).toMatchObject({ code: 0, said: { verdict: "alive" } })
      expect(await reaches(family)).toBe(false)
      const reset = await knock("reset", family, road)
      expect(reset).toMatchObject({ code: 0, said: { verdict: "opened", verified: true, dropping: 0 } })
      expect(await reaches(family)).toBe(true)
      expect(armed.events().findLast(({ event }) => event === "knock")).toMatchObject({ road: "tcp/22" })
    },
  )

  it.each(cases)(
    "IPv$family, $road: the port is open: it is answered in the connection",
    async ({ family, road }) => {
      const probe = await knock("probe", family, road)
      expect(probe).toMatchObject({ code: 0, said: { verdict: "alive" } })
    },
  )
})
