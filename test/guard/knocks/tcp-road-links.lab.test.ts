import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { hostsFor, linkKinds } from "./links.ts"
import { pythonKnock } from "./python-knock.ts"

if (labUnavailable) process.stderr.write(`skipped: links of the tcp road: ${labUnavailable}\n`)

describe.skipIf(labUnavailable).each(linkKinds)("over TCP, by $name", ({ join }) => {
  const { lab, server, client } = hostsFor()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)

  beforeAll(async () => {
    await join(lab, server, client)
    armed.arm("--timeout", "10m")
    server.sh(
      ["iptables", "ip6tables"]
        .map((tool) => `${tool}-nft -P INPUT DROP; ${tool}-nft -P OUTPUT DROP`)
        .join("\n"),
    )
  })

  it.each(["192.0.2.1", "2001:db8::1"])("a probe at %s is answered below the firewall", async (address) => {
    // IPv6 has dropped its neighbour discovery too: the listener answers it.
    for (const road of ["tcp", "raw-tcp"]) {
      const args = ["probe", address, "--road", `${road}/22`]
      expect(await pythonKnock(client, armed.secretFile, args)).toMatchObject({
        code: 0,
        said: { verdict: "alive" },
      })
    }
  })
})
