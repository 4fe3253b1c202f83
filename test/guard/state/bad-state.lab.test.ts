import { type ChildProcess, spawn } from "node:child_process"
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable, type RunResult, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: bad state: ${labUnavailable}\n`)

/** A program of somebody else's on the control socket: accepts, and says what is no answer. */
const stranger = `require("node:net").createServer((socket) => socket.end("220 welcome\\n")).listen(process.argv[1])`

describe.skipIf(labUnavailable)("what lies in the runtime folder", () => {
  const { lab, server } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const path = (name: string): string => join(armed.runtimeFolder(), name)
  const arm = (): RunResult =>
    armed.try("--detach", "--json", "--secret-file", armed.secretFile, "--timeout", "1m")
  let other: ChildProcess | undefined
  let journal = ""

  /** One line that says what is wrong, perhaps one that says what to do; never a stack. */
  const oneLine = ({ code, stderr }: RunResult): [number, number] => {
    expect(stderr).toMatch(/^fw-watchdog: [^\n]+\n(fw-watchdog: hint: [^\n]+\n)?$/)
    return [code, stderr.split("\n").length]
  }

  beforeAll(() => {
    expect(arm().code).toBe(0)
    journal = readFileSync(path("journal.json"), "utf8")
    armed.disarm()
  })
  afterEach(async () => {
    other?.kill("SIGKILL")
    armed.try("disarm")
    for (const name of ["control.sock", "journal.json"]) rmSync(path(name), { recursive: true, force: true })
  })

  it.each([
    ["a file", () => writeFileSync(path("control.sock"), "garbage")],
    ["a folder", () => mkdirSync(path("control.sock"))],
  ] as const)("a control socket that is %s is nobody's session", (_, make) => {
    make()
    expect(oneLine(armed.try("status"))[0]).toBe(1)
    expect(arm().code).toBe(0)
    expect(armed.status().secondsLeft).toBeGreaterThan(0)
  })

  it("a socket that a killed guard left is taken over", async () => {
    arm()
    process.kill(armed.status().guardPid as number, "SIGKILL")
    await eventually("its end", () => armed.try("status").code === 1)
    expect(existsSync(path("control.sock"))).toBe(true)
    expect(arm().code).toBe(0)
  })

  it("a stranger on the control socket is not taken for a guard", async () => {
    other = spawn(process.execPath, ["-e", stranger, path("control.sock")], { stdio: "ignore" })
    await eventually("the stranger", () => existsSync(path("control.sock")))
    expect(oneLine(armed.try("status"))[0]).toBe(3)
    expect(oneLine(armed.try("disarm"))[0]).toBe(3)
    expect(oneLine(arm())[0]).toBe(1)
  })

  it.each([
    ["garbage", 78, () => writeFileSync(path("journal.json"), "garbage", { mode: 0o600 })],
    ["another program's", 78, () => writeFileSync(path("journal.json"), '{"version":2}', { mode: 0o600 })],
    [
      "another user's",
      78,
      () => {
        writeFileSync(path("journal.json"), journal, { mode: 0o600 })
        chownSync(path("journal.json"), 65534, 65534)
      },
    ],
    ["a folder", 78, () => mkdirSync(path("journal.json"), { mode: 0o700 })],
    [
      "another boot's",
      0,
      () => {
        const elsewhen = journal.replace(/"bootId":"[^"]*"/, '"bootId":"x"')
        writeFileSync(path("journal.json"), elsewhen, { mode: 0o600 })
      },
    ],
  ] as const)("a journal that is %s: arming ends with %i", (_, code, make) => {
    make()
    const result = arm()
    expect(result.code).toBe(code)
    if (code === 0) return
    oneLine(result)
    expect(result.stderr).toContain("journal.json")
    expect(existsSync(path("journal.json"))).toBe(true)
  })

  it("a second arming is told who holds the session", () => {
    arm()
    const second = arm()
    expect(oneLine(second)[0]).toBe(1)
    expect(second.stderr).toMatch(/armed already.*: by \w+.*, (?:1m|59s) left/)
  })
})
