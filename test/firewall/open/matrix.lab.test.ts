import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { armOn, type HostFirewall } from "../../support/firewall/on-host.ts"
import { Prober } from "../../support/firewall/prober.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { serverAddress } from "../../support/lab/lockouts.ts"
import { matrix } from "../../support/matrix.ts"
import { rows, wipe } from "./lockouts.ts"

if (labUnavailable) process.stderr.write(`skipped: open matrix: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("an open", () => {
  const { lab, server, client } = twoHosts()
  const prober = new Prober(client)
  let firewall: HostFirewall
  beforeAll(async () => {
    await server.serveTcp(22)
    firewall = await armOn(lab, server)
  })
  afterAll(() => lab.close())

  it.each(matrix(rows, 2))("opens: $name", async ({ families, script, onClient }) => {
    const addresses = families.map(serverAddress)
    const all = addresses.map(() => true)
    server.sh(script)
    if (onClient) client.sh(onClient)
    try {
      expect(await prober.each(addresses, 250)).toEqual(addresses.map(() => false))
      const shut = await firewall.verify("all")
      expect(shut).not.toEqual([])
      const opening = firewall.open({ scope: "all", hard: false })
      expect(await opening.committed).toMatchObject({ failures: [] })
      const report = await opening.settled
      expect(report).toMatchObject({ ok: true, changed: true, failures: [], stillDropping: [] })
      expect(await prober.each(addresses, 1500)).toEqual(all)
      expect(await firewall.open({ scope: "all", hard: false }).settled).toMatchObject({
        ok: true,
        changed: false,
      })
    } finally {
      server.sh(wipe)
    }
  })
})
