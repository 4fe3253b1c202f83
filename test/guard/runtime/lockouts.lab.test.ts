import { afterAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { lockouts, serverAddress } from "../../support/lab/lockouts.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { matrix } from "../../support/matrix.ts"

if (labUnavailable) process.stderr.write(`skipped: lockouts: ${labUnavailable}\n`)

describe.skipIf(labUnavailable).each(matrix(lockouts, 3))("locked out by $name", ({ families, apply }) => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)

  it("a knock brings TCP back, and a probe changes nothing", async () => {
    await server.serveTcp(22)
    for (const family of families) expect(await client.reaches(serverAddress(family), 22)).toBe(true)
    armed.arm("--timeout", "2m")
    apply(server)
    for (const family of families) expect(await client.reaches(serverAddress(family), 22)).toBe(false)

    for (const family of families) {
      const probe = armed.knock(client, "probe", serverAddress(family), "--no-check")
      expect(probe.outcome).toMatchObject({ event: "alive", exitCode: 0 })
      expect(probe.code).toBe(0)
      expect(await client.reaches(serverAddress(family), 22)).toBe(false)
    }
    for (const family of families) {
      const reset = armed.knock(client, "reset", serverAddress(family))
      expect(reset.outcome).toMatchObject({ event: "opened", exitCode: 0 })
      expect(await client.reaches(serverAddress(family), 22)).toBe(true)
      apply(server)
      expect(await client.reaches(serverAddress(family), 22)).toBe(false)
    }
  })
})
