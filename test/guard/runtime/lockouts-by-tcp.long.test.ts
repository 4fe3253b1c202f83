import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { rows, wipe } from "../../firewall/open/lockouts.ts"
import { Prober } from "../../support/firewall/prober.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { serverAddress } from "../../support/lab/lockouts.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: lockouts by tcp: ${labUnavailable}\n`)

/** In a router of the provider's, as far as fw-knock can tell. */
const noEcho = `table inet quiet {
  chain in { type filter hook prerouting priority -300; icmp type { echo-request, echo-reply } drop; icmpv6 type { echo-request, echo-reply } drop; }
}\n`

describe.skipIf(labUnavailable)("where no echo arrives, a reset over TCP", { timeout: 120_000 }, () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const prober = new Prober(client)
  const opened = (): number => armed.events().filter(({ event }) => event === "opened").length

  beforeAll(async () => {
    await server.serveTcp(22)
    armed.arm("--timeout", "60m", "--road", "tcp/22")
    client.run(["nft", "-f", "/dev/stdin"], { input: noEcho })
  })

  it.each(rows)("opens: $name", async ({ families, script, onClient }) => {
    for (const family of families) {
      const address = serverAddress(family)
      server.sh(script)
      if (onClient) client.sh(onClient)
      try {
        expect(await prober.reaches(address, 22, 250)).toBe(false)
        const before = opened()
        const reset = armed.knock(client, "reset", address, "--road", "tcp/22", "--no-check")
        expect(reset.outcome).toMatchObject({ event: "opened", road: "tcp/22", exitCode: 0 })
        await eventually("its settling", () => opened() > before, 30_000)
        expect(await prober.reaches(address, 22, 1500)).toBe(true)
      } finally {
        server.sh(wipe)
      }
    }
  })
})
