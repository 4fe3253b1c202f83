import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, constants, existsSync, openSync } from "node:fs"
import { join } from "node:path"
import { Fault, type FaultCode, reasonOf } from "../../errors.ts"
import { formatDuration } from "../../report/duration.ts"
import { signalChild } from "../../signal-child.ts"
import { entryPoint } from "../../system/installed-files.ts"
import {
  armedOptions,
  cleanEnvironment,
  type GuardStart,
  withoutCore,
} from "../../system/process/armed-process.ts"
import { findProgram } from "../../system/process/find-program.ts"
import { refuseSecondSession } from "../control/client.ts"
import { inFirstNamespace, preparePrivateFolder } from "../state/folders.ts"
import type { ArmingResult, GuardOrder } from "./order.ts"
import { asTransientUnit } from "./transient-unit.ts"

/** How long a guard may take to arm, in milliseconds. A tenth of a second; beside 100 000 rules, which it reads, most of a minute. */
const armingLimitMs = 300_000
/** When systemd gives up as well: a guard that hangs while it arms does not end by itself. */
const unitLimitMs = armingLimitMs + 10_000

/** A unit lives in the network namespace of process 1; in any other the guard is a plain daemon. */
function systemdRunHere(): string | undefined {
  if (!existsSync("/run/systemd/system") || !inFirstNamespace()) return undefined
  return findProgram("systemd-run")
}

/**
 * Starts the guard without a terminal, as a unit of systemd's or else in a session of its own (setsid(2)), hands it its
 * order by a pipe, and waits until it is armed. The guard does not depend on this process from then on; until then, a
 * guard that cannot say that it is armed, because this process is gone or does not wait any more, ends by itself.
 *
 * @param interrupted calls the arming off
 * @throws Fault with the guard's own code and words when it did not arm; nothing is left behind then.
 */
export async function launchGuard(
  order: GuardOrder,
  runtimeFolder: string,
  environment: Readonly<Record<string, string | undefined>>,
  interrupted?: AbortSignal,
): Promise<Extract<ArmingResult, { ready: true }>> {
  preparePrivateFolder(runtimeFolder)
  await refuseSecondSession(runtimeFolder)
  const program = entryPoint("guard")
  const guard: GuardStart = { path: process.execPath, args: [...armedOptions, program] }
  const clean = cleanEnvironment(environment)
  const systemdRun = systemdRunHere()
  const start =
    systemdRun === undefined
      ? withoutCore(findProgram("prlimit"), guard)
      : asTransientUnit(systemdRun, findProgram("perl"), guard, clean, unitLimitMs)
  const complaints = join(runtimeFolder, "guard.stderr")
  const errors = openSync(
    complaints,
    constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND | constants.O_NOFOLLOW,
    0o600,
  )
  let child: ChildProcess
  try {
    child = spawn(start.path, start.args, {
      detached: true,
      cwd: "/",
      stdio: ["pipe", "pipe", errors],
      env: clean,
    })
  } finally {
    closeSync(errors)
  }
  let result: ArmingResult
  try {
    result = await firstLine(child, `${JSON.stringify(order)}\n`, complaints, interrupted)
  } finally {
    child.unref()
    child.stdout?.destroy()
    // systemd-run only waits for the unit by now; the unit does not need it.
    if (systemdRun !== undefined) signalChild(child, "SIGKILL")
  }
  if (result.ready) return result
  throw new Fault(result.code as FaultCode, result.message, result.hint === "" ? {} : { hint: result.hint })
}

function firstLine(
  child: ChildProcess,
  input: string,
  complaints: string,
  interrupted: AbortSignal | undefined,
): Promise<ArmingResult> {
  return new Promise((resolve, reject) => {
    let text = ""
    const done = (): void => {
      clearTimeout(limit)
      interrupted?.removeEventListener("abort", callOff)
      child.removeAllListeners()
    }
    const fail = (why: string): void => {
      done()
      reject(
        new Fault("state-unknown", `the guard did not arm: ${why}`, {
          hint: `look at ${complaints}; \`fw-watchdog status\` tells whether a session is armed all the same`,
        }),
      )
    }
    const callOff = (): void => {
      done()
      signalChild(child)
      reject(new Fault("refused", "interrupted while arming: nothing is armed"))
    }
    const limit = setTimeout(() => {
      signalChild(child)
      fail(`no word from it within ${formatDuration(armingLimitMs)}`)
    }, armingLimitMs)
    interrupted?.addEventListener("abort", callOff)
    if (interrupted?.aborted === true) return callOff()
    child.once("error", (cause) => fail(reasonOf(cause)))
    child.once("exit", (code, signal) => fail(`it ended with ${signal ?? `code ${code}`}`))
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8")
      const end = text.indexOf("\n")
      if (end < 0) return
      done()
      resolve(JSON.parse(text.slice(0, end)) as ArmingResult)
    })
    child.stdin?.on("error", () => {}) // its early end is reported by `exit`
    child.stdin?.end(input)
  })
}
