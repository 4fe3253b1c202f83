import { spawn } from "node:child_process"
import { existsSync, rmSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: armings that are called off: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("an arming whose command is gone before it could say so", () => {
  const { lab, server } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const inRuntime = (name: string): string => join(armed.runtimeFolder(), name)
  afterEach(() => {
    armed.try("disarm")
    rmSync(inRuntime("control.sock"), { force: true })
  })

  it.each(["SIGINT", "SIGKILL"] as const)("by %s: leaves no session", async (signal) => {
    const [path, ...enter] = server.enter()
    const command = armed.command("--secret-file", armed.secretFile, "--timeout", "5m")
    const arming = spawn(path, [...enter, ...command], { env: armed.environment, stdio: "ignore" })
    const exited = new Promise((resolve) => arming.once("exit", (code) => resolve(code)))
    // The guard has claimed its socket, and has its loaders and its listener yet to start.
    await eventually("a guard", () => existsSync(inRuntime("control.sock")))
    arming.kill(signal)
    expect(await exited).toBe(signal === "SIGINT" ? 1 : null)
    const gone = (): boolean => armed.try("status").stderr.includes("no session is armed here")
    await eventually("its end", gone, 20_000)
    expect(existsSync(inRuntime("journal.json"))).toBe(false)
  })
})
