import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { type HostRecord, keepRecord, readRecord } from "../../../src/secrets/host-records.ts"
import { makeStage, type Stage } from "../../client/stage.ts"
import { labUnavailable } from "../../support/lab/lab.ts"
import { type Ended, knock, publicCopy, type RunOptions } from "../../support/workstation.ts"

if (labUnavailable) process.stderr.write(`skipped: hosts that fw-knock keeps: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("hosts that fw-knock keeps", () => {
  let stage: Stage
  let written: string
  let otherSecret: string
  beforeAll(async () => {
    stage = await makeStage()
    await stage.server.serveTcp(2222)
    written = readFileSync(stage.path, "utf8").trim().split(" ")[1] as string
    otherSecret = (await knock(stage.client, ["secret", "x"])).stdout.trim().split(" ")[1] as string
  })
  afterAll(() => stage.lab.close())

  let homes = 0
  let home: string
  beforeEach(() => {
    stage.reset()
    homes += 1
    home = join(stage.lab.folder, `home-${homes}`)
    mkdirSync(home)
  })
  const folder = (of: "secrets" | "hosts", at = home): string => join(at, ".config/fw-knock", of)
  const keepSecret = (name: string, secret = written, at = home): void => {
    mkdirSync(folder("secrets", at), { recursive: true, mode: 0o700 })
    writeFileSync(join(folder("secrets", at), name), `${name} ${secret}\n`, { mode: 0o600 })
  }
  const run = async (args: string[], options: RunOptions = {}): Promise<Ended> =>
    await knock(stage.client, args, {
      ...options,
      env: { HOME: home, TERM: "xterm", NO_COLOR: "1", ...options.env },
    })
  const probe = async (...hosts: string[]): Promise<Ended> =>
    await run(["probe", "--wait", "2s", "--json", ...hosts])
  /** In front of a command: files that are others for it. */
  const withFiles = (files: Readonly<Record<string, string>>): string[] => {
    const mounts = Object.entries(files).map(([path, text], index) => {
      const file = join(home, `file-${index}`)
      writeFileSync(file, text, { mode: 0o644 })
      return `mount --bind ${file} ${path} && `
    })
    return ["unshare", "--mount", "sh", "-c", `${mounts.join("")}exec "$@"`, "sh"]
  }
  const naming = (...names: string[]): RunOptions => ({
    before: withFiles({ "/etc/hosts": names.map((name) => `192.0.2.1 ${name}\n`).join("") }),
  })
  const web1: HostRecord = {
    name: "web1",
    hostName: "web1.example.com",
    user: "ada",
    addresses: ["192.0.2.1", "2001:db8::1"],
    port: 2222,
  }

  it.each([
    ...[
      "web1",
      "Web1",
      "ada@web1",
      "root@web1",
      "web1:22",
      "web1.example.com",
      "192.0.2.1",
      "192.0.2.1:2222",
    ],
    ...["2001:db8::1", "2001:DB8:0::1", "[2001:db8::1]:2222", "ada@[2001:db8::1]"],
  ])("are found as %s, without asking any resolver, and looked at on their ssh port", async (typed) => {
    keepSecret("web1")
    keepRecord(folder("hosts"), web1)
    const { code, objects, stderr } = await probe(typed)
    expect(objects).toMatchObject([
      {
        event: "alive",
        host: typed,
        address: expect.stringMatching(/[24]/),
        check: { port: typed === "web1:22" ? 22 : 2222, state: "open" },
      },
    ])
    expect([code, stderr]).toEqual([0, ""])
  })

  it("are looked at on the port of --check, if there is one", async () => {
    keepSecret("web1")
    keepRecord(folder("hosts"), web1)
    expect((await probe("web1", "--check", "tcp/22")).objects).toMatchObject([{ check: { port: 22 } }])
    expect((await probe("web1", "--no-check")).objects[0]).not.toHaveProperty("check")
  })

  it("are said to be logged in to as ssh wants it", async () => {
    keepSecret("web1")
    keepRecord(folder("hosts"), web1)
    stage.responder.act = () => ({ verdict: "opened" })
    const { objects } = await run(["reset", "192.0.2.1", "--json"])
    expect(objects).toMatchObject([
      {
        event: "opened",
        hint: "log in and repair the rules, it is open until then: ssh -p 2222 ada@web1",
      },
    ])
  })

  it("have a record from their first answer on, and need no resolver any more", async () => {
    keepSecret("web1")
    const before = Date.now()
    const first = await run(["probe", "web1", "--json"], naming("web1"))
    expect(first).toMatchObject({ code: 0, stderr: "" })
    const record = readRecord(folder("hosts"), "web1")
    expect(record).toEqual({ name: "web1", addresses: ["192.0.2.1"], aliveMs: expect.any(Number) })
    expect(record?.aliveMs).toBeGreaterThanOrEqual(before)
    const written = statSync(join(folder("hosts"), "web1.json")).mtimeMs
    expect((await probe("web1")).objects).toMatchObject([{ event: "alive", address: "192.0.2.1" }])
    // Not every one of many probes writes.
    expect(statSync(join(folder("hosts"), "web1.json")).mtimeMs).toBe(written)
    keepRecord(folder("hosts"), { ...web1, aliveMs: before - 120_000 })
    await probe("web1")
    const later = readRecord(folder("hosts"), "web1")
    expect(later).toEqual({ ...web1, aliveMs: expect.any(Number) })
    expect(later?.aliveMs).toBeGreaterThanOrEqual(before)
  })

  it("have none from an answer that is none, or to a secret out of somebody's own file", async () => {
    keepSecret("192.0.2.1", otherSecret)
    expect((await run(["probe", "192.0.2.1", "--wait", "300ms"])).code).toBe(4)
    expect((await probe("192.0.2.1", "--secret-file", stage.path)).code).toBe(0)
    expect(existsSync(folder("hosts"))).toBe(false)
  })

  it("are knocked at all the same when their record cannot be written or read", async () => {
    keepSecret("192.0.2.1")
    writeFileSync(folder("hosts"), "no folder")
    expect(await probe("192.0.2.1")).toMatchObject({ code: 0, stderr: "" })
  })

  it("are resolved, and have a new record, when theirs is broken", async () => {
    keepSecret("web1")
    mkdirSync(folder("hosts"))
    writeFileSync(join(folder("hosts"), "web1.json"), "{")
    expect(await run(["probe", "web1", "--json"], naming("web1"))).toMatchObject({ code: 0, stderr: "" })
    expect(readRecord(folder("hosts"), "web1")?.addresses).toEqual(["192.0.2.1"])
  })

  it("are resolved where no kept address is of the wanted family", async () => {
    keepSecret("web1")
    keepRecord(folder("hosts"), { ...web1, addresses: ["2001:db8::1"] })
    const { objects } = await run(["probe", "web1", "-4", "--json"], naming("web1.example.com"))
    expect(objects).toMatchObject([{ event: "alive", address: "192.0.2.1" }])
    expect(readRecord(folder("hosts"), "web1")?.addresses).toEqual(["192.0.2.1", "2001:db8::1"])
  })

  it("do not wait for one that has no secret, or a bad one", async () => {
    keepSecret("192.0.2.1")
    keepSecret("web3", "fwk1-nonsense")
    keepSecret("web4")
    chmodSync(join(folder("secrets"), "web4"), 0o644)
    const { code, hosts: objects } = await probe("web2", "192.0.2.1", "web3", "web4")
    const ended = Object.fromEntries(objects.map(({ host, event, exitCode }) => [host, [event, exitCode]]))
    expect(ended).toEqual({
      web2: ["usage", 64],
      "192.0.2.1": ["alive", 0],
      web3: ["configuration", 78],
      web4: ["configuration", 78],
    })
    expect(code).toBe(78)
    expect((await probe("web2", "192.0.2.1")).code).toBe(64)
    const two = join(home, "two")
    writeFileSync(two, `web9 ${otherSecret}\n192.0.2.1 ${written}\n`, { mode: 0o600 })
    const ofFile = await probe("web2", "192.0.2.1", "--secret-file", two)
    expect(ofFile.hosts).toMatchObject([
      { event: "configuration", host: "web2" },
      { event: "alive", host: "192.0.2.1" },
    ])
    expect(ofFile.code).toBe(78)
  })

  it("do not wait for what somebody types about another host", async () => {
    keepSecret("192.0.2.1")
    const { code, stdout } = await run(["probe", "web2", "192.0.2.1", "web3", "--no-check"], {
      before: ["/usr/bin/python3", join(import.meta.dirname, "../../support/typed-terminal.py")],
      input: "\x03",
    })
    expect(stdout).toContain("192.0.2.1: alive")
    expect(stdout.indexOf("secret for web2 (not shown)")).toBeGreaterThan(stdout.indexOf("192.0.2.1: alive"))
    expect(stdout).not.toContain("secret for web3")
    expect(stdout).toContain("web3: cancelled")
    expect(code).toBe(1)
  })

  it("share no secret when they are one host: by the record, or by the address", async () => {
    keepSecret("web1")
    keepRecord(folder("hosts"), web1)
    expect((await probe("web1", "192.0.2.1", "web1.example.com")).stderr).toBe("")
    keepSecret("alias")
    const { hosts: objects, stderr } = await run(["probe", "web1", "alias", "--json"], naming("alias"))
    expect(objects).toMatchObject([{ event: "alive" }, { event: "alive" }])
    expect(stderr).toBe("")
    keepSecret("2001:db8::99")
    expect((await probe("192.0.2.1", "2001:db8::99", "--wait", "300ms")).stderr).toContain(
      "warning: 192.0.2.1 and 2001:db8::99 share one secret",
    )
  })

  it("are asked about when another one has the address and a secret that may be the right one", async () => {
    keepSecret("192.0.2.1", otherSecret)
    keepSecret("web1")
    keepRecord(folder("hosts"), web1)
    const { code, stderr } = await run(["reset", "192.0.2.1", "--wait", "300ms"])
    expect(code).toBe(4)
    expect(stderr).toContain("web1 is kept with the same address and another secret")
    expect(stderr).toContain("fw-knock reset web1")
  })

  it("say that their addresses are kept, when none answers", async () => {
    keepSecret("web1")
    keepRecord(folder("hosts"), { ...web1, addresses: ["192.0.2.77"], aliveMs: Date.now() - 3_600_000 })
    const { code, stderr } = await run(["probe", "web1", "--wait", "300ms", "--no-check"])
    expect(code).toBe(4)
    expect(stderr).toContain("192.0.2.77, last alive 1h")
    expect(stderr).toContain(`--secret-file ${join(folder("secrets"), "web1")}`)
  })

  it("are remembered with what was typed, listed, and forgotten by any name", async () => {
    const remembered = await run(["remember", "ada@Web1:2222", "--json"], { input: written })
    expect(remembered.objects).toMatchObject([
      { event: "remembered", host: "web1", path: join(folder("secrets"), "web1") },
    ])
    expect(readRecord(folder("hosts"), "web1")).toEqual({
      name: "Web1",
      user: "ada",
      addresses: [],
      port: 2222,
    })
    await run(["remember", "[2001:db8::1]:22"], { input: written })
    expect(readRecord(folder("hosts"), "2001:db8::1")).toEqual({
      name: "2001:db8::1",
      addresses: ["2001:db8::1"],
      port: 22,
    })
    keepRecord(folder("hosts"), { ...web1, jump: "bastion", aliveMs: Date.now() - 7_200_000 })
    keepSecret("old")
    const listed = await run(["list"])
    expect(listed).toMatchObject({ code: 0, stderr: "" })
    expect(listed.stdout.split("\n").map((line) => line.trim().split(/ {2,}/))).toEqual([
      ["HOST", "ADDRESSES", "PORT", "JUMP", "LAST ALIVE"],
      ["2001:db8::1", "2001:db8::1", "22", "-", "-"],
      ["old", "-", "-", "-", "-"],
      ["web1", "192.0.2.1, 2001:db8::1", "2222", "bastion", expect.stringMatching(/^2h.* ago$/)],
      [""],
    ])
    const { objects } = await run(["list", "--json"])
    expect(objects).toEqual([
      { event: "host", host: "2001:db8::1", addresses: ["2001:db8::1"], port: 22, hasSecret: true },
      { event: "host", host: "old", addresses: [], hasSecret: true },
      {
        event: "host",
        host: "web1",
        ...web1,
        name: undefined,
        jump: "bastion",
        aliveMs: expect.any(Number),
        hasSecret: true,
      },
    ])
    expect(await run(["forget", "web1.example.com", "--json"])).toMatchObject({
      code: 0,
      objects: [{ event: "forgotten", host: "web1" }],
    })
    expect(readdirSync(folder("secrets"))).toEqual(["2001:db8::1", "old"])
    expect(readdirSync(folder("hosts"))).toEqual(["2001:db8::1.json"])
    expect(await run(["forget", "web1"])).toMatchObject({ code: 1 })
    for (const name of ["old", "2001:db8::1"]) await run(["forget", name])
    expect(await run(["list"])).toMatchObject({ code: 0, stdout: "", stderr: expect.stringContaining(home) })
  })

  it("are remembered anew under the name they have, whatever is typed", async () => {
    keepSecret("web1", otherSecret)
    keepRecord(folder("hosts"), web1)
    const { stderr, objects } = await run(["remember", "192.0.2.1", "--json"], {
      input: `192.0.2.1 ${written}`,
    })
    expect(objects).toMatchObject([{ event: "remembered", host: "web1", sharedWith: [] }])
    expect(stderr).toBe("")
    expect(readdirSync(folder("secrets"))).toEqual(["web1"])
    expect((await probe("192.0.2.1")).code).toBe(0)
  })

  it("are looked up again when they are remembered anew: they may have moved", async () => {
    keepSecret("web1", otherSecret)
    keepRecord(folder("hosts"), { ...web1, addresses: ["192.0.2.77"] })
    expect((await run(["remember", "web1"], { ...naming("web1.example.com"), input: written })).code).toBe(0)
    expect(readRecord(folder("hosts"), "web1")?.addresses).toEqual(["192.0.2.1", "192.0.2.77"])
    expect((await probe("web1")).objects).toMatchObject([{ event: "alive", address: "192.0.2.1" }])
  })

  it("are remembered though their record cannot be written", async () => {
    mkdirSync(join(home, ".config/fw-knock"), { recursive: true })
    writeFileSync(folder("hosts"), "no folder")
    const { code, stderr } = await run(["remember", "192.0.2.1"], { input: written })
    expect(code).toBe(0)
    expect(stderr).toContain("warning: cannot keep the record")
    expect((await probe("192.0.2.1")).code).toBe(0)
  })

  it("share no secret with another name of theirs when they are remembered, as far as the resolver tells", async () => {
    keepSecret("192.0.2.1")
    const same = await run(["remember", "web1", "--json"], { ...naming("web1"), input: written })
    expect(same.objects).toMatchObject([{ event: "remembered", sharedWith: [] }])
    const other = await run(["remember", "192.0.2.9", "--json"], { input: written })
    expect(other.objects).toMatchObject([{ sharedWith: expect.arrayContaining(["192.0.2.1"]) }])
    expect(other.stderr).toContain("share one secret")
  })

  it("are remembered with a word about this user who cannot send pings", async () => {
    stage.client.sh("echo '1 0' >/proc/sys/net/ipv4/ping_group_range")
    chmodSync(stage.lab.folder, 0o755)
    chmodSync(home, 0o777)
    const nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]
    const { code, stderr } = await run(["remember", "192.0.2.1"], {
      before: nobody,
      program: publicCopy(stage.lab, "fw-knock"),
      input: written,
    })
    expect(code).toBe(0)
    expect(stderr).toContain("warning: no knock can be sent from here: cannot send pings")
    expect(stderr).toContain("ping_group_range")
    expect((await run(["remember", "192.0.2.1"], { input: written })).stderr).not.toContain("warning")
  })
})
