import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { parseSecretFile } from "../../../src/secrets/secret-file.ts"
import { makeStage, type Stage } from "../../client/stage.ts"
import { labUnavailable } from "../../support/lab/lab.ts"
import { knock, publicCopy, type RunOptions } from "../../support/workstation.ts"

const typedTerminal = join(import.meta.dirname, "../../support/typed-terminal.py")

if (labUnavailable) process.stderr.write(`skipped: secrets of fw-knock: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("the secrets of fw-knock", () => {
  let stage: Stage
  let line: string
  let written: string
  beforeAll(async () => {
    stage = await makeStage()
    line = readFileSync(stage.path, "utf8").trim()
    written = line.split(" ")[1] as string
  })
  afterAll(() => stage.lab.close())
  const probe = ["probe", "192.0.2.1", "--no-check", "--wait", "2s"]

  let homes = 0
  let home: string
  beforeEach(() => {
    homes += 1
    home = join(stage.lab.folder, `home-${homes}`)
    mkdirSync(home)
  })
  const run = async (args: string[], options: RunOptions = {}) =>
    await knock(stage.client, args, { ...options, env: { HOME: home, TERM: "xterm", NO_COLOR: "1" } })
  /** On a terminal, where `typed` is what somebody types when asked. */
  const onTerminal = async (args: string[], typed: string) =>
    await run(args, { before: ["/usr/bin/python3", typedTerminal], input: typed })
  const kept = (): string => join(home, ".config/fw-knock/secrets/192.0.2.1")

  it("secret prints a line that a secret file takes, to standard output only, and never the same", async () => {
    const [first, second] = [await run(["secret", "Web1."]), await run(["secret", "web1"])]
    expect(first).toMatchObject({ code: 0, stderr: "" })
    expect(parseSecretFile(first.stdout, "x")).toMatchObject([{ host: "web1", line: 1 }])
    expect(first.stdout).not.toBe(second.stdout)
  })

  it("remember takes a line from standard input, and from then on a knock needs no more", async () => {
    const remembered = await run(["remember", "192.0.2.1", "--json"], { input: `${line}\n` })
    expect(remembered).toMatchObject({
      code: 0,
      objects: [{ event: "remembered", host: "192.0.2.1", path: kept() }],
    })
    expect(statSync(kept()).mode & 0o777).toBe(0o600)
    expect(await run([...probe, "--json"])).toMatchObject({ code: 0, objects: [{ event: "alive" }] })
    expect(await run(["forget", "192.0.2.1"])).toMatchObject({ code: 0 })
    expect(await run(["forget", "192.0.2.1", "--json"])).toMatchObject({
      code: 1,
      objects: [{ event: "not-remembered" }],
    })
    expect(await run(probe)).toMatchObject({ code: 64 })
  })

  it("remember asks on a terminal without showing what is typed, and takes the bare secret too", async () => {
    const { code, stdout } = await onTerminal(["remember", "192.0.2.1"], `${written.toUpperCase()}\r`)
    expect(code).toBe(0)
    expect(stdout).toContain("secret for 192.0.2.1 (not shown): ")
    expect(stdout.toLowerCase()).not.toContain(written.slice(5, 10))
    expect(readFileSync(kept(), "utf8")).toBe(`192.0.2.1 ${written}\n`)
  })

  it("a knock asks when it has none, shows progress while it waits, and can be cancelled", async () => {
    expect(await onTerminal(probe, `${written}\r`)).toMatchObject({ code: 0 })
    const [other] = (await run(["secret", "x"])).stdout.trim().split("\n")
    const silent = await onTerminal(["probe", "192.0.2.99", "--no-check", "--wait", "1s"], `${other}\r`)
    expect(silent.code).toBe(4)
    const wipe = "\r\x1b[K"
    expect(silent.stdout.split(wipe)).toContainEqual(
      expect.stringMatching(/^fw-knock: waiting for 192\.0\.2\.99: \d packets, 0s of 1s$/),
    )
    expect(silent.stdout).toContain(`${wipe}fw-knock: 192.0.2.99: no answer`)
    expect(await onTerminal(probe, "\x03")).toMatchObject({ code: 1 })
    expect(await onTerminal(probe, "\r")).toMatchObject({ code: 78 })
  })

  it("that two hosts share are warned about", async () => {
    await run(["remember", "192.0.2.1"], { input: line })
    const shared = await run(["remember", "web2"], { input: line })
    expect(shared.code).toBe(0)
    expect(shared.stderr).toContain("warning: 192.0.2.1 and web2 share one secret")
    expect(shared.stderr).toContain("warning: the line names 192.0.2.1")
  })

  it("in bad files are refused with the right code, and never repeated", async () => {
    const bad = (name: string, text: string, mode = 0o600): string => {
      writeFileSync(join(home, name), text)
      chmodSync(join(home, name), mode)
      return join(home, name)
    }
    const typo = line.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"))
    for (const [file, code] of [
      [join(home, "nothing"), 77],
      [bad("open", line, 0o640), 78],
      [bad("world", line, 0o604), 78],
      [bad("typo", typo), 78],
      [bad("empty", "# nothing here\n"), 78],
      [bad("twice", `${line}\n${line}\n`), 78],
      [home, 78],
    ] as const) {
      const ended = await run([...probe, "--secret-file", file])
      expect([file, ended.code]).toEqual([file, code])
      expect(ended.stderr).toMatch(/^fw-knock: [^\n]+\n/)
      for (const group of written.split("-").slice(1))
        expect(ended.stderr + ended.stdout).not.toContain(group)
    }
    expect((await run([...probe, "--secret-file", bad("typo", typo)])).stderr).toContain("check digits")
    const denied = await run([...probe, "--secret-file", bad("mine", line)], {
      before: [
        "setpriv",
        "--bounding-set=-dac_override,-dac_read_search",
        "--reuid=65534",
        "--clear-groups",
        "--regid=65534",
      ],
      program: publicCopy(stage.lab, "fw-knock"),
    })
    expect(denied.code).toBe(77)
  })

  it("of a file with several lines are chosen by the host's name", async () => {
    const two = join(home, "two")
    const [other] = (await run(["secret", "web9"])).stdout.trim().split("\n")
    writeFileSync(two, `${other}\n${line} laptop # mine\n`, { mode: 0o600 })
    expect(await run([...probe, "--secret-file", two])).toMatchObject({ code: 0 })
    expect(await run(["probe", "web7", "--secret-file", two])).toMatchObject({ code: 78 })
  })
})
