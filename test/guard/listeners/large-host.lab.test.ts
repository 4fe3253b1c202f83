import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { formatSecretLine } from "../../../src/secrets/secret-file.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: a large host: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("a session on a host with much of everything", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  afterEach(() => {
    armed.try("disarm")
  })
  const alive = (): void => {
    const { outcome } = armed.knock(client, "probe", "192.0.2.1", "--no-check")
    expect(outcome).toMatchObject({ event: "alive" })
  }

  it("arms with 64 secrets, 70 interfaces and 200 sources", async () => {
    const lines = Array.from({ length: 63 }, (_, i) =>
      formatSecretLine({ host: `host${i}`, name: undefined, secret: new Uint8Array(randomBytes(16)) }),
    )
    const own = formatSecretLine({ host: "192.0.2.1", name: undefined, secret: armed.secret })
    const many = join(lab.folder, "many")
    writeFileSync(many, `${[...lines, own].join("\n")}\n`, { mode: 0o600 })
    const names = Array.from({ length: 35 }, (_, i) => `long-name${i}`)
    server.sh(
      names
        .map((name) => `ip link add ${name}a type veth peer name ${name}b && ip link set ${name}a up`)
        .join("; "),
    )
    const sources = Array.from({ length: 200 }, (_, i) => [
      "--from",
      `2001:db8:ffff:ffff:ffff:ffff:0:${i}/128`,
    ])
    const result = armed.try(
      ...["--detach", "--json", "--secret-file", many, "--from", "192.0.2.0/24"],
      ...sources.flat(),
    )
    expect([result.code, result.stderr]).toEqual([0, expect.not.stringContaining("did not arm")])
    await eventually("an answer", () => armed.knock(client, "probe", "192.0.2.1", "--no-check").code === 0)
    server.sh(names.map((name) => `ip link delete ${name}a`).join("; "))
  })

  it("is not deaf where lo is down: it could not send", async () => {
    armed.arm("--timeout", "2m")
    await new Promise((resolve) => setTimeout(resolve, 5500)) // its first canary was heard
    const { listenerPid } = armed.status()
    server.sh("ip link set lo down")
    await eventually("another listener: lo has changed", () => armed.status().listenerPid !== listenerPid)
    const { listenerStarts } = armed.status()
    await new Promise((resolve) => setTimeout(resolve, 18_000))
    expect(armed.status()).toMatchObject({ deaf: false, listenerStarts })
    alive()
    server.sh("ip link set lo up")
  })
})
