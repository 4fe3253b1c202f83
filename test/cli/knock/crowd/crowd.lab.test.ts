import { randomBytes } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { formatSecretLine } from "../../../../src/secrets/secret-file.ts"
import { Fleet, type FleetOptions } from "../../../support/fleet/fleet.ts"
import { type Host, type Lab, labUnavailable, twoHosts } from "../../../support/lab/lab.ts"
import { knock, publicCopy } from "../../../support/workstation.ts"

const newSecretLine = (): string =>
  formatSecretLine({ host: undefined, name: undefined, secret: new Uint8Array(randomBytes(16)) })

if (labUnavailable) process.stderr.write(`skipped: a crowd of hosts: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("fw-knock at a crowd of hosts", () => {
  let lab: Lab
  let server: Host
  let client: Host
  let fleet: Fleet
  beforeAll(() => {
    ;({ lab, server, client } = twoHosts())
  })
  afterEach(() => fleet.end())
  afterAll(() => lab.close())
  const start = async (options: FleetOptions): Promise<void> => {
    fleet = await Fleet.start(lab, server, client, options)
  }
  const probe = (...args: string[]) =>
    knock(client, ["probe", ...fleet.addresses, "--secret-file", fleet.secretFile, ...args])

  it("names those that went wrong, counts the others, and keeps the names for the next try", async () => {
    await start({ hosts: 60, deadEvery: 10 })
    const file = join(lab.folder, "failed")
    const { code, stderr } = await probe("--wait", "3s", "--failed", file)
    expect(code).toBe(4)
    const lines = stderr
      .split("\n")
      .filter((line) => line.startsWith("fw-knock: ") && !line.includes("hint:"))
    expect(lines).toHaveLength(7)
    expect(lines[0]).toMatch(/^fw-knock: 10\.128\.0\.\d+: no answer within 3s; \d packets sent$/)
    expect(lines[6]).toBe("fw-knock: 60 hosts: 54 alive, 6 no-answer")
    const dead = [10, 20, 30, 40, 50, 60].map((number) => `10.128.0.${number}`)
    expect(readFileSync(file, "utf8").split("\n").filter(Boolean).sort()).toEqual(dead)
  })

  it("has a JSON object for each, and a sum at the end", async () => {
    await start({ hosts: 60, loss: 0.1 })
    const { code, objects } = await probe("--json", "--check", "tcp/22")
    expect(code).toBe(0)
    expect(objects).toHaveLength(61)
    expect(new Set(objects.slice(0, -1).map(({ host }) => host)).size).toBe(60)
    expect(objects.slice(0, -1).every(({ event }) => event === "alive")).toBe(true)
    expect(objects[0]).toMatchObject({ check: { port: 22, state: "open" } })
    const { packetsSent, tookMs, ...sum } = objects[60] as Record<string, unknown>
    expect(sum).toEqual({
      event: "summary",
      code: "done",
      exitCode: 0,
      message: "60 hosts: 60 alive",
      hosts: 60,
      ended: { alive: 60 },
    })
    expect(packetsSent).toBeGreaterThan(120)
    expect(tookMs).toBeGreaterThan(0)
  })

  it("leaves the others alone when the first have failed", async () => {
    await start({ hosts: 60, deadEvery: 3 })
    const file = join(lab.folder, "others")
    const { code, objects } = await probe("--first", "3", "--wait", "1s", "--json", "--failed", file)
    expect(code).toBe(4)
    expect(objects[60]).toMatchObject({
      message: "60 hosts: 2 alive, 1 no-answer, 57 not-tried",
      ended: { alive: 2, "no-answer": 1, "not-tried": 57 },
    })
    expect(objects[59]).toMatchObject({
      event: "not-tried",
      exitCode: 1,
      message: expect.stringMatching(/^10\.128\.0\.\d+: not tried, 1 of 3 hosts had failed by then$/),
    })
    expect(readFileSync(file, "utf8").split("\n")).toHaveLength(59)
    const heard = await fleet.end()
    expect(heard).toBeLessThan(3 * 6)
  })

  it("goes on behind the first when no more have failed than may", async () => {
    await start({ hosts: 60, deadEvery: 3 })
    const { objects } = await probe("--first", "3", "--max-fail", "1", "--wait", "1s", "--json")
    expect((objects[60] as { ended: Record<string, number> }).ended["no-answer"]).toBe(20)
    expect(objects.every((object) => object.check === undefined)).toBe(true)
  })

  it("is the same for an ordinary user, and below a rate", async () => {
    await start({ hosts: 60 })
    const program = publicCopy(lab, "fw-knock")
    client.sh("echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range")
    const before = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]
    const args = ["probe", ...fleet.addresses, "--secret-file", "-", "--json", "--rate", "30"]
    const input = readFileSync(fleet.secretFile, "utf8")
    const { code, objects } = await knock(client, args, { before, program, input })
    expect(code).toBe(0)
    expect(objects[0]).toMatchObject({ socket: "ping" })
    expect(objects[60]).toMatchObject({ ended: { alive: 60 } })
    expect((objects[60] as { tookMs: number }).tookMs).toBeGreaterThan(1500)
  })

  it("has names resolved by another process, each with its own word about one that is none", async () => {
    await start({ hosts: 40 })
    const names = fleet.addresses.map((_, number) => `host${number}.example`)
    const [hosts, secrets] = [join(lab.folder, "names"), join(lab.folder, "names-secrets")]
    writeFileSync(hosts, fleet.addresses.map((address, number) => `${address} ${names[number]}\n`).join(""))
    const lines = readFileSync(fleet.secretFile, "utf8").split("\n").filter(Boolean)
    const named = lines.map((line, number) => line.replace(/^\S+/, names[number] ?? ""))
    const none = `nosuchname.invalid ${newSecretLine()}`
    writeFileSync(secrets, [...named, none, ""].join("\n"), { mode: 0o600 })
    const before = ["unshare", "--mount", "sh", "-c", `mount --bind ${hosts} /etc/hosts; exec "$@"`, "sh"]
    const args = ["probe", ...names, "nosuchname.invalid", "--secret-file", secrets, "--json", "--wait", "2s"]
    const ended = await knock(client, args, { before })
    expect(ended.objects.at(-1)).toMatchObject({ ended: { alive: 40, missing: 1 } })
    expect(ended.hosts.find(({ host }) => host === "nosuchname.invalid")?.message).toMatch(
      /^cannot resolve nosuchname\.invalid: /,
    )
  })

  it("asks for numbers, and for a file that can be written, before the first knock", async () => {
    await start({ hosts: 3 })
    const path = join(lab.folder, "nowhere", "failed")
    const refused = await probe("--failed", path, "--json")
    expect(refused.objects).toMatchObject([{ code: "permission" }])
    expect(existsSync(path)).toBe(false)
    const { code, stderr } = await probe("--failed", "/dev/null")
    expect(code).toBe(64)
    expect(stderr).toContain("--failed /dev/null is not a regular file")
    for (const [option, text] of [
      ["--first", "0"],
      ["--first", "x"],
      ["--max-fail", "-1"],
      ["--rate", "0"],
    ] as const) {
      const { code, stderr } = await probe(`${option}=${text}`)
      expect(code).toBe(64)
      expect(stderr).toContain(`${option} "${text}" is no number from `)
    }
    expect(await fleet.end()).toBe(0)
  })
})
