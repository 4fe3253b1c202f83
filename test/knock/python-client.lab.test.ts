import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { type Host, labUnavailable, twoHosts } from "../support/lab/lab.ts"
import { lockouts, serverAddress } from "../support/lab/lockouts.ts"
import { ArmedServer, makeSecretFile, type Printed } from "../support/lab/programs.ts"
import { matrix } from "../support/matrix.ts"

/**
 * A client in another language, written from native-notes/knock-protocol.md alone by somebody who had not seen the
 * product's own: what the two agree on is in the document.
 */

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

if (labUnavailable) process.stderr.write(`skipped: python client: ${labUnavailable}\n`)

const knock = (from: Host, secretFile: string, ...args: string[]): { code: number; said: Printed } => {
  const result = from.try([
    "/usr/bin/python3",
    file("../support/python-client/fw_knock.py"),
    ...args,
    "--secret-file",
    secretFile,
  ])
  if (!result.stdout) throw new Error(`fw_knock.py: exit ${result.code}: ${result.stderr}`)
  return { code: result.code, said: JSON.parse(result.stdout) as Printed }
}

const exercised = ["iptables-nft policy DROP", "ip6tables-nft policy DROP", "native nft inet policy drop"]
const cases = lockouts
  .filter(({ name }) => exercised.includes(name))
  .flatMap(({ name, families, apply }) => families.map((family) => ({ name, family, apply })))

describe.skipIf(labUnavailable).each(matrix(cases, 3))(
  "python client, IPv$family, $name",
  ({ family, apply }) => {
    const { lab, server, client } = twoHosts()
    afterAll(() => lab.close())
    const armed = new ArmedServer(lab, server)
    const stranger = makeSecretFile(lab, "192.0.2.1").path
    const address = serverAddress(family)
    const reachable = (): Promise<boolean> => client.reaches(address, 22)

    it("hears only the kernel while the firewall is open and the secret is another", async () => {
      await server.serveTcp(22)
      armed.arm("--timeout", "2m")
      expect(await reachable()).toBe(true)
      const { code, said } = knock(client, stranger, "probe", address, "--wait", "1")
      expect({ code, verdict: said.verdict }).toEqual({ code: 4, verdict: null })
      // The kernel's echo replies came, and were taken for nothing.
      expect(said.ignored).toEqual({ tag: said.sent })
    })

    it("probes: alive, and nothing changes", async () => {
      apply(server)
      expect(await reachable()).toBe(false)
      const { code, said } = knock(client, armed.secretFile, "probe", address)
      expect(said).toMatchObject({ verdict: "alive", followUps: 1, pinned: true })
      expect(said.secondsLeft).toBeGreaterThan(60)
      expect(said.secondsLeft).toBeLessThanOrEqual(120)
      expect(code).toBe(0)
      expect(await reachable()).toBe(false)
    })

    it("gets no answer with a wrong secret, and opens nothing", async () => {
      const { code, said } = knock(client, stranger, "reset", address, "--wait", "3")
      expect({ code, verdict: said.verdict, ignored: said.ignored }).toEqual({
        code: 4,
        verdict: null,
        ignored: {},
      })
      // 2 s of the first request, at 0, 50, 150, 400, 800, 1200 and 1600 ms, and 1 s of the one-way one.
      expect(said.sent).toBeGreaterThanOrEqual(10)
      expect(said.sent).toBeLessThanOrEqual(12)
      expect(await reachable()).toBe(false)
    })

    it("resets in one packet, as the probe has pinned its secret", async () => {
      const { code, said } = knock(client, armed.secretFile, "reset", address)
      expect(said).toMatchObject({ verdict: "opened", verified: true, dropping: 0, followUps: 0 })
      expect(code).toBe(0)
      expect(await reachable()).toBe(true)
    })

    it("resets and probes one-way", async () => {
      apply(server)
      expect(await reachable()).toBe(false)
      const probe = knock(client, armed.secretFile, "probe", address, "--one-way")
      expect(probe).toMatchObject({ code: 0, said: { verdict: "alive", followUps: 0 } })
      expect(await reachable()).toBe(false)
      const { code, said } = knock(client, armed.secretFile, "reset", address, "--one-way")
      expect(said).toMatchObject({ verdict: "opened", verified: true, followUps: 0 })
      expect(code).toBe(0)
      expect(await reachable()).toBe(true)
    })
  },
)

describe.skipIf(labUnavailable).each([4, 6] as const)("python client, IPv%i, its exchanges", (family) => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const address = serverAddress(family)
  const shut = lockouts.find(({ name }) => name === "native nft inet policy drop")
  const resets = (): number => armed.events().filter(({ event }) => event === "opened").length

  it("follows a challenge up when its first knock is a reset", async () => {
    await server.serveTcp(22)
    armed.arm("--timeout", "2m")
    shut?.apply(server)
    const { code, said } = knock(client, armed.secretFile, "reset", address)
    expect(said).toMatchObject({ verdict: "opened", verified: true, followUps: 1 })
    expect(code).toBe(0)
    expect(await client.reaches(address, 22)).toBe(true)
    expect(resets()).toBeGreaterThan(0)
  })

  it("is told that the host is open already, and of obstacles, when it knows of that; else that it was opened", () => {
    for (const [more, verdict, obstacles] of [
      [["--first"], "opened", []],
      [[], "open-already", ["complete"]],
    ] as const) {
      const { code, said } = knock(client, armed.secretFile, "reset", address, ...more)
      expect(said).toMatchObject({ verdict, verified: true, obstacles, dropping: 0 })
      expect(code).toBe(0)
    }
  })

  it("gets the verified answer when only every fifth reply arrives", async () => {
    // Each request makes three: the kernel's, the answer, and the answer for the first clients.
    client.run(["nft", "-f", "/dev/stdin"], {
      input: `table inet lossy { chain in {
        type filter hook input priority 0;
        icmp type echo-reply numgen inc mod 5 != 4 drop
        icmpv6 type echo-reply numgen inc mod 5 != 4 drop
      }; }\n`,
    })
    for (let i = 0; i < 3; i += 1) {
      shut?.apply(server)
      const { code, said } = knock(client, armed.secretFile, "reset", address)
      expect(said).toMatchObject({ verdict: "opened", verified: true })
      expect(code).toBe(0)
      server.run(["nft", "flush", "ruleset"])
    }
    client.run(["nft", "flush", "ruleset"])
  })

  it("goes one-way by itself when no answer finds its way back", async () => {
    armed.disarm()
    armed.arm("--timeout", "2m") // a session that has no pin
    client.run(["nft", "-f", "/dev/stdin"], {
      input: `table inet deaf { chain in {
        type filter hook input priority 0;
        icmp type echo-reply drop
        icmpv6 type echo-reply drop
      }; }\n`,
    })
    server.run(["nft", "flush", "ruleset"])
    shut?.apply(server)
    expect(await client.reaches(address, 22)).toBe(false)
    const short = knock(client, armed.secretFile, "reset", address, "--wait", "1.5")
    expect(short).toMatchObject({ code: 4, said: { verdict: null } })
    expect(await client.reaches(address, 22)).toBe(false)
    const long = knock(client, armed.secretFile, "reset", address, "--wait", "3")
    expect(long).toMatchObject({ code: 4, said: { verdict: null, ignored: {} } })
    expect(await client.reaches(address, 22)).toBe(true)
  })
})

describe("python client, the vectors", () => {
  const run = spawnSync(
    "/usr/bin/python3",
    [file("../support/python-client/vectors.py"), file("../vectors/knock")],
    {
      encoding: "utf8",
    },
  )
  const rows = (run.stdout ?? "")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { file: string; wanted: Printed; got: Printed })

  it("says the same of every answer, secret and accepted request", () => {
    expect(run.stderr).toBe("")
    expect(rows.filter(({ file }) => file.startsWith("answer-")).length).toBeGreaterThan(20)
    for (const { file, wanted, got } of rows) expect({ file, ...got }).toEqual({ file, ...wanted })
  })
})
