import { afterAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../lab/lab.ts"
import { lockouts, serverAddress } from "../lab/lockouts.ts"
import { armOn } from "./on-host.ts"

if (labUnavailable) process.stderr.write(`skipped: open: ${labUnavailable}\n`)

describe.skipIf(labUnavailable).each(lockouts)("locked out by $name", ({ families, apply }) => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())

  it("opens, and a second time after a second lockout", async () => {
    await server.serveTcp(22)
    const firewall = await armOn(lab, server)
    expect(await firewall.verify("all")).toEqual([])
    for (let round = 0; round < 2; round++) {
      apply(server)
      for (const family of families) expect(await client.reaches(serverAddress(family), 22, 300)).toBe(false)
      expect(await firewall.verify("all")).not.toEqual([])
      const opening = firewall.open({ scope: "all", hard: false })
      expect(await opening.committed).toMatchObject({ ok: true, changed: true, failures: [] })
      for (const family of families) expect(await client.reaches(serverAddress(family), 22)).toBe(true)
      expect(await opening.settled).toMatchObject({
        ok: true,
        changed: true,
        failures: [],
        stillDropping: [],
      })
      for (const family of families) expect(await client.reaches(serverAddress(family), 22)).toBe(true)
    }
    expect(await firewall.open({ scope: "all", hard: false }).settled).toMatchObject({
      changed: false,
      ok: true,
    })
  })
})
