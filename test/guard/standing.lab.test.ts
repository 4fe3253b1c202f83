import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../support/lab/lab.ts"
import { ArmedServer, eventually } from "../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: standing guards: ${labUnavailable}\n`)

const program = fileURLToPath(new URL("../../dist/bin/guard.js", import.meta.url))

/** As fw-watchdog.service runs it, but for systemd. */
describe.skipIf(labUnavailable)("a guard that arms by itself", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  beforeAll(() => server.serveTcp(22))
  let running: ChildProcess | undefined
  afterEach(() => running?.kill("SIGKILL"))

  /** @returns what it says and its exit code, when it has ended */
  function start(...options: string[]): Promise<{ code: number | null; said: string }> {
    const [path, ...enter] = server.enter()
    const guard = spawn(path, [...enter, process.execPath, program, "--standing", ...options], {
      env: armed.environment,
      stdio: ["ignore", "ignore", "pipe"],
    })
    running = guard
    let said = ""
    guard.stderr.on("data", (chunk: Buffer) => {
      said += chunk
    })
    return new Promise((resolve) => guard.once("close", (code) => resolve({ code, said })))
  }
  const standing = (timeout: string) => start("--secret-file", armed.secretFile, "--timeout", timeout)
  const isArmed = (): boolean => armed.try("status").code === 0

  it("says on one line why it does not arm, and ends with 1", async () => {
    const { code, said } = await start("--timeout", "1m")
    expect([code, said]).toEqual([
      1,
      "fw-watchdog: a standing session needs its secrets\nfw-watchdog: hint: give --secret-file FILE\n",
    ])
    expect((await start("--no-such")).code).toBe(1)
    expect((await start("--secret-file", "/nonexistent")).said).toMatch(/^fw-watchdog: cannot read/)
  })

  it("ends with 0 when its time is up, so that the next one begins", async () => {
    const { code, said } = await standing("10s")
    expect(said).toContain("fw-watchdog: armed, hearing on ")
    expect(code).toBe(0)
  })

  it("goes on with its session when it was killed, opens, and ends with 4 when it is disarmed", async () => {
    const first = standing("5m")
    await eventually("the arming", isArmed)
    process.kill(armed.status().guardPid as number, "SIGKILL")
    await first
    server.sh("iptables-nft -P INPUT DROP")
    const second = standing("7d")
    await eventually("the arming", isArmed)
    expect(armed.status().secondsLeft).toBeLessThanOrEqual(300)
    expect(armed.knock(client, "reset", "192.0.2.1").outcome).toMatchObject({ event: "opened" })
    armed.disarm()
    expect((await second).code).toBe(4)
  })
})
