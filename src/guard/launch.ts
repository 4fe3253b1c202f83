import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, constants, openSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Fault, type FaultCode, reasonOf } from "../errors.ts"
import type { ArmingResult, GuardOrder } from "./configuration.ts"
import { preparePrivateFolder } from "./folders.ts"

/** How long a guard may take to arm, in milliseconds: detection, standby loaders, captures. */
const armingLimitMs = 30_000

/** What the guard and the listener keep of an environment: where state lives, and nothing that steers Node. */
export function cleanEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const kept: Record<string, string> = {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    LC_ALL: "C",
    HOME: "/nonexistent",
  }
  for (const name of ["RUNTIME_DIRECTORY", "STATE_DIRECTORY", "NO_COLOR", "TZ"]) {
    const value = environment[name]
    if (value !== undefined) kept[name] = value
  }
  return kept
}

/**
 * Starts the guard in a session of its own (setsid(2)), without a terminal, hands it its order by a pipe, and
 * waits until it is armed. The guard does not depend on this process from then on.
 *
 * @throws Fault with the guard's own code and words when it did not arm; nothing is left behind then.
 */
export async function launchGuard(
  order: GuardOrder,
  runtimeFolder: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Extract<ArmingResult, { ready: true }>> {
  preparePrivateFolder(runtimeFolder)
  const program = fileURLToPath(new URL("../bin/guard.js", import.meta.url))
  const errors = openSync(
    join(runtimeFolder, "guard.stderr"),
    constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW,
    0o600,
  )
  let child: ChildProcess
  try {
    child = spawn(process.execPath, [program], {
      detached: true,
      cwd: "/",
      stdio: ["pipe", "pipe", errors],
      env: cleanEnvironment(environment),
    })
  } finally {
    closeSync(errors)
  }
  const result = await firstLine(child, `${JSON.stringify(order)}\n`)
  child.unref()
  child.stdout?.destroy()
  if (result.ready) return result
  throw new Fault(result.code as FaultCode, result.message, result.hint === "" ? {} : { hint: result.hint })
}

function firstLine(child: ChildProcess, input: string): Promise<ArmingResult> {
  return new Promise((resolve, reject) => {
    let text = ""
    const fail = (why: string): void => {
      clearTimeout(limit)
      reject(
        new Fault("state-unknown", `the guard did not arm: ${why}`, {
          hint: "`fw-watchdog status` tells whether a session is armed",
        }),
      )
    }
    const limit = setTimeout(() => {
      child.kill("SIGTERM")
      fail(`no word from it within ${armingLimitMs / 1000} s`)
    }, armingLimitMs)
    child.once("error", (cause) => fail(reasonOf(cause)))
    child.once("exit", (code, signal) => fail(`it ended with ${signal ?? `code ${code}`}`))
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8")
      const end = text.indexOf("\n")
      if (end < 0) return
      clearTimeout(limit)
      child.removeAllListeners()
      resolve(JSON.parse(text.slice(0, end)) as ArmingResult)
    })
    child.stdin?.on("error", () => {}) // its early end is reported by `exit`
    child.stdin?.end(input)
  })
}
