import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { keepRecord, readRecord, readRecords } from "../../../../src/secrets/host-records.ts"
import { makeStage, type Stage } from "../../../client/stage.ts"
import { labUnavailable } from "../../../support/lab/lab.ts"
import { type Ended, knock, type RunOptions } from "../../../support/workstation.ts"

const typedTerminal = join(import.meta.dirname, "../../../support/typed-terminal.py")

if (labUnavailable) process.stderr.write(`skipped: groups of hosts: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("groups of hosts", () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await makeStage()
  })
  afterAll(() => stage.lab.close())

  let homes = 0
  let home: string
  let folder: string
  beforeEach(() => {
    stage.reset()
    homes += 1
    home = join(stage.lab.folder, `home-${homes}`)
    folder = join(home, ".config/fw-knock/hosts")
    mkdirSync(home)
  })
  const run = async (args: string[], options: RunOptions = {}): Promise<Ended> =>
    await knock(stage.client, args, {
      ...options,
      env: { HOME: home, TERM: "xterm", NO_COLOR: "1", ...options.env },
    })
  const file = (name: string, text: string): string => {
    writeFileSync(join(home, name), text)
    return join(home, name)
  }
  /** Twelve web servers and a database, all of them the one server. */
  const keepFleet = (): void => {
    for (let number = 1; number <= 12; number += 1)
      keepRecord(folder, { name: `web${number}`, addresses: ["192.0.2.1"], groups: ["web"] })
    keepRecord(folder, { name: "db1", addresses: ["192.0.2.1"], groups: ["db"] })
  }
  const probe = async (...args: string[]): Promise<Ended> =>
    await run(["probe", "--wait", "5s", "--no-check", "--json", "--secret-file", stage.path, ...args])
  const reset = (...args: string[]): string[] => [
    ...["reset", "--wait", "5s", "--no-check", "--json", "--secret-file", stage.path],
    ...args,
  ]
  const hosts = (ended: Ended): unknown[] => ended.hosts.map(({ host }) => host).sort()

  it("are knocked at as @GROUP, @all, and as --limit leaves them", async () => {
    keepFleet()
    const web = await probe("@web")
    expect([web.code, web.hosts.length]).toEqual([0, 12])
    expect(web.hosts.every(({ event }) => event === "alive")).toBe(true)
    expect(hosts(await probe("@db", "web3", "@db"))).toEqual(["db1", "web3"])
    expect(hosts(await probe("@all", "--limit", "web1*,@db,!web11"))).toEqual([
      "db1",
      "web1",
      "web10",
      "web12",
    ])
    expect(hosts(await probe("--hosts", file("list", "db1\nroot@web2 # x\n")))).toEqual(["db1", "root@web2"])
    expect(
      hosts(
        await run(["probe", "--no-check", "--json", "--secret-file", stage.path, "--hosts", "-"], {
          input: "db1",
        }),
      ),
    ).toEqual(["db1"])
  })

  it("are refused by name before anything is sent", async () => {
    keepFleet()
    for (const [args, code, words] of [
      [["@wbe"], 64, "did you mean @web?"],
      [["@web", "--limit", "wbe1"], 64, '"wbe1"'],
      [[], 64, "takes HOST..."],
      [["@web", "--yes", "12"], 64, "--yes goes with"],
      [["--hosts", file("bad", "web1\n-x\nweb2\na b c\n")], 78, "lines 2, 4"],
      [["--hosts", join(home, "nothing")], 69, "cannot read"],
      [["--hosts", "-", "--secret-file", "-"], 64, "cannot both be standard input"],
    ] as const) {
      const ended = await run(["probe", "--secret-file", stage.path, ...args])
      expect([args, ended.code]).toEqual([args, code])
      expect(ended.stderr).toContain(words)
    }
    expect(stage.responder.heard).toEqual([])
  })

  it("are changed only where somebody agrees to their number", async () => {
    keepFleet()
    stage.responder.act = () => ({ verdict: "opened" })
    for (const args of [["@web"], ["@web", "--yes", "11"], ["web1", "--yes", "2"], ["@web", "--yes", "x"]])
      expect([args, (await run(reset(...args))).code]).toEqual([args, 64])
    const onTerminal = async (typed: string): Promise<Ended> =>
      await run(reset("@web"), {
        before: ["/usr/bin/python3", typedTerminal],
        input: typed,
        env: { PROMPT: "opens the firewall of 12 hosts; type their number: " },
      })
    expect((await onTerminal("11\r")).code).toBe(1)
    expect((await onTerminal("\x04")).code).toBe(1)
    expect(stage.responder.heard).toEqual([])
    expect((await onTerminal("12\r")).code).toBe(0)
    expect(stage.responder.acted).toHaveLength(12)
    expect((await run(reset("@web", "--yes", "12"))).code).toBe(0)
    expect((await run(reset("@web", "--limit", "web1"))).code).toBe(0)
    expect(stage.responder.acted).toHaveLength(25)
  })

  it("come out of a list, and a host that is kept already keeps what is known of it", async () => {
    keepRecord(folder, {
      name: "web1",
      hostName: "web1.example",
      addresses: ["192.0.2.1"],
      aliveMs: 7,
      groups: ["x"],
    })
    keepRecord(folder, { name: "gone", addresses: [], groups: ["front"] })
    const list = file("front.txt", "# front\nweb1.example\nada@web2:2222\n192.0.2.3 bob\n")
    const imported = await run(["hosts", "import", "--file", list, "--json"])
    expect(imported).toMatchObject({ code: 0, stderr: "" })
    expect(imported.objects).toEqual([
      expect.objectContaining({
        event: "imported",
        hosts: 3,
        groups: ["front"],
        new: 2,
        changed: 1,
        unchanged: 0,
        left: 1,
      }),
    ])
    expect(readRecords(folder)).toEqual([
      { name: "192.0.2.3", user: "bob", addresses: ["192.0.2.3"], groups: ["front"] },
      { name: "gone", addresses: [] },
      expect.objectContaining({ name: "web1", addresses: ["192.0.2.1"], aliveMs: 7, groups: ["front", "x"] }),
      { name: "web2", user: "ada", port: 2222, addresses: [], groups: ["front"] },
    ])
    const again = await run(["hosts", "import", "--file", list, "--json"])
    expect(again.objects).toMatchObject([{ new: 0, changed: 0, unchanged: 3, left: 0 }])
    const shown = await run(["hosts", "list", "@front"])
    expect(shown.stdout).toMatch(/^HOST .* GROUPS\n192\.0\.2\.3 .* front\nweb1 .* front,x\nweb2 .* front\n$/)
    expect(hosts(await run(["hosts", "list", "@x", "--json"]))).toEqual(["web1"])
    expect((await run(["list", "--json"])).objects).toContainEqual(
      expect.objectContaining({ host: "web1", groups: ["front", "x"] }),
    )
    expect((await run(["hosts", "list", "@y"])).code).toBe(64)
    // An answer changes nothing about its groups.
    await probe("web1")
    keepRecord(folder, { ...readRecord(folder, "web1"), name: "web1", addresses: ["192.0.2.1"], aliveMs: 7 })
    await probe("web1")
    expect(readRecord(folder, "web1")?.groups).toEqual(["front", "x"])
  })

  it("come out of a list whole or not at all, and bad lines are named by their numbers", async () => {
    keepFleet()
    const before = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"))
    const lines = Array.from({ length: 25 }, (_, index) => `-bad${index}`)
    const list = file("web.txt", `web1\n${lines.join("\n")}\nweb1:23\n`)
    const { code, objects, stderr } = await run(["hosts", "import", "--file", list, "--json"])
    expect(code).toBe(78)
    expect(objects[0]?.message).toContain("lines 2, 3, 4")
    expect(objects[0]?.message).toContain("and 6 more")
    expect(stderr.match(/web\.txt line \d+: /g)).toHaveLength(20)
    for (const [args, expected] of [
      [["--file", file("empty", "# nothing\n")], 78],
      [["--file", join(home, "nothing")], 69],
      [["--file", "-"], 64],
      [["--file", list, "--group", "all"], 64],
      [["--file", list, "web*"], 64],
      [["--file", list, "--ansible", list], 64],
      [["--ansible", list, "--group", "x"], 64],
      [[], 64],
    ] as const)
      expect([args, (await run(["hosts", "import", ...args])).code]).toEqual([args, expected])
    expect(readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"))).toEqual(before)
  })

  it("come out of what ansible-inventory has printed elsewhere, by a file or a pipe", async () => {
    const printed = JSON.stringify({
      _meta: {
        hostvars: {
          web1: { ansible_host: "192.0.2.1", ansible_password: "hunter2" },
          here: { ansible_connection: "local" },
        },
      },
      web: { hosts: ["web1"] },
    })
    const byFile = await run(["hosts", "import", "--ansible", file("printed.json", printed)])
    expect(byFile.code).toBe(0)
    expect(byFile.stderr).toContain("left out: here: is not reached by ssh")
    expect(readFileSync(join(folder, "web1.json"), "utf8")).toBe(
      '{"name":"web1","addresses":["192.0.2.1"],"groups":["web"]}\n',
    )
    const piped = await run(["hosts", "import", "--ansible", "-", "--json"], { input: printed })
    expect(piped.objects).toMatchObject([{ unchanged: 1, leftOut: 1 }])
    expect((await run(["hosts", "import", "--ansible", "-"], { input: "{}" })).code).toBe(78)
    expect((await run(["hosts", "import", "--ansible", join(home, "printed.json"), "web"])).code).toBe(64)
    expect(await probe("@web")).toMatchObject({ code: 0 })
  })

  it("need Ansible for an inventory that is not printed yet", async () => {
    const inventory = file("inventory.ini", "[web]\nweb1\n")
    const missing = await run(["hosts", "import", "--ansible", inventory], {
      before: ["/usr/bin/env", "PATH=/nowhere"],
    })
    expect(missing.code).toBe(69)
    expect(missing.stderr).toContain("ansible-inventory -i INVENTORY --list >FILE")
  })
})
