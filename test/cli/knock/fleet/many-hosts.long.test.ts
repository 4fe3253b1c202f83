import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { KnownHosts } from "../../../../src/cli/knock/known-hosts/known-hosts.ts"
import { wantedHosts } from "../../../../src/cli/knock/secrets.ts"
import type { ProgramHost } from "../../../../src/cli/terminal/terminal.ts"
import { formatSecretLine } from "../../../../src/secrets/secret-file.ts"
import { importing, noAnsible } from "./importing.ts"

if (noAnsible) process.stderr.write(`skipped: ten thousand hosts: ${noAnsible}\n`)

const home = mkdtempSync(join(tmpdir(), "fw-many-"))
afterAll(() => rmSync(home, { recursive: true }))

const inventory = join(home, "inventory.ini")
writeFileSync(
  inventory,
  `[web]
web[0001:5000].example
[cache]
cache[0001:2000].example
[db]
db[0001:3000].example ansible_port=2222
[front:children]
web
cache
[prod:children]
front
db
`,
)

/** CPU time of this process for something, in milliseconds: other work on the machine counts little. */
async function cpuMs(run: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

describe.skipIf(noAnsible)("ten thousand hosts", { timeout: 300_000 }, () => {
  it("come out of an inventory that Ansible reads", () => {
    const imported = importing(home, inventory)
    expect(imported).toMatchObject({
      code: 0,
      object: { hosts: 10_000, new: 10_000, groups: ["cache", "db", "front", "prod", "web"] },
    })
    const records = imported.records()
    expect(records.length).toBe(10_000)
    expect(records.find(({ name }) => name === "web4711.example")?.groups).toEqual(["front", "prod", "web"])
    expect(records.filter(({ port }) => port === 2222).length).toBe(3000)
  })

  it("are found with their secrets out of one file, by name or by address, in time that does not grow with both", async () => {
    const env = { HOME: home }
    const host = { env } as unknown as ProgramHost
    const kept = await new KnownHosts(host).kept()
    const lines = kept.map(({ name }) =>
      formatSecretLine({ host: name, name: undefined, secret: new Uint8Array(randomBytes(16)) }),
    )
    const secretFile = join(home, "secrets")
    writeFileSync(secretFile, lines.join("\n"), { mode: 0o600 })
    const options = { secretFile, plain: undefined } as Parameters<typeof wantedHosts>[0]
    const names = kept.map(({ name }) => name)
    for (const hosts of [names, names.map((name) => `not-${name}`)]) {
      const spent = await cpuMs(async () => {
        const wanted = await wantedHosts({ ...options, hosts }, new KnownHosts(host), host)
        expect(wanted.length).toBe(10_000)
      })
      expect(spent).toBeLessThan(6000) // a second or so; a look at all for each would be minutes
    }
  })
})
