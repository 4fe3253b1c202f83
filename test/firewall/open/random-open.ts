import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { armOn, type HostFirewall } from "../../support/firewall/on-host.ts"
import { Prober } from "../../support/firewall/prober.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { wipe } from "./lockouts.ts"
import { randomVerdicts } from "./random-verdicts.ts"

/** Random rules of these seeds: what `verify` says is what a real packet meets, before the open and after. */
export function describeRandomOpens(seeds: readonly number[]): void {
  describe.skipIf(labUnavailable)("verify and a real packet agree", () => {
    const { lab, server, client } = twoHosts()
    const prober = new Prober(client)
    let firewall: HostFirewall
    beforeAll(async () => {
      await server.serveTcp(22)
      firewall = await armOn(lab, server)
    })
    afterAll(() => lab.close())

    it.each(seeds)("on random rules of seed %i", async (seed) => {
      const { script, unconditional } = randomVerdicts(seed)
      try {
        server.sh(script)
        const found = await firewall.verify("all")
        const open = await prober.reaches("192.0.2.1", 22, 250)
        // A match may hold for other packets only: then something can drop that this one does not meet.
        if (unconditional || found.length === 0)
          expect({ open, found, script }).toEqual({ open: found.length === 0, found, script })
        const report = await firewall.open({ scope: "all", hard: false }).settled
        if (found.length > 0) expect(report.changed).toBe(true)
        expect({ ...report, script }).toMatchObject({ ok: true, stillDropping: [], failures: [] })
        expect(await prober.reaches("192.0.2.1", 22, 250)).toBe(true)
      } finally {
        server.sh(wipe)
      }
    })
  })
}
