import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { rows, wipe } from "../../firewall/open/lockouts.ts"
import { Prober } from "../../support/firewall/prober.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { serverAddress } from "../../support/lab/lockouts.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { settled } from "../knocks/knocks.ts"
import { noEcho } from "../knocks/router.ts"

if (labUnavailable) process.stderr.write(`skipped: lockouts by tcp: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("where no echo arrives, a reset over TCP", { timeout: 120_000 }, () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const prober = new Prober(client)

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
        const reset = armed.knock(client, "reset", address, "--road", "tcp/22", "--no-check")
        expect(reset.outcome).toMatchObject({ event: "opened", road: "tcp/22", exitCode: 0 })
        await settled(armed)
        expect(await prober.reaches(address, 22, 1500)).toBe(true)
      } finally {
        server.sh(wipe)
      }
    }
  })
})
