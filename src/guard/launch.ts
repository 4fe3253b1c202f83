import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, constants, existsSync, openSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Fault, type FaultCode, reasonOf } from "../errors.ts"
import { findProgram } from "../firewall/snapshot-tools.ts"
import type { ArmingResult, GuardOrder } from "./configuration.ts"
import { refuseSecondSession } from "./control-socket.ts"
import { inFirstNamespace, preparePrivateFolder } from "./folders.ts"

/** How long a guard may take to arm, in milliseconds: detection, standby loaders, captures. */
const armingLimitMs = 90_000

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
 * Node's options for what stays armed: a small heap that is collected without threads of its own (6 MB less for the two
 * processes), and code that stays as it was compiled when the session began (V8 forgets what was not called for a while,
 * and a knock comes after hours). Figures: native-notes/packaging.md and firewall.md.
 */
export const armedOptions: readonly string[] = [
  "--max-semi-space-size=1",
  "--single-threaded-gc",
  "--no-flush-bytecode",
  "--always-sparkplug",
  "--no-lazy-feedback-allocation",
]

/** What a guard's process is started by. */
export interface GuardStart {
  readonly path: string
  readonly args: readonly string[]
}

/** The name of the transient unit; there is one first network namespace, so there is one of it. */
export const unitName = "fw-watchdog-session.service"

/**
 * Where systemd runs, the guard is a transient unit of its own (systemd-run(1)): no logout, KillUserProcesses= or cgroup of
 * the arming session reaches it, and a guard that is killed is started again. Its order still goes through the pipe that it
 * inherits; started again it finds that pipe at its end, which means "resume".
 *
 * @param environment what the guard is to have of an environment
 */
export function asTransientUnit(
  systemdRun: string,
  guard: GuardStart,
  environment: Readonly<Record<string, string>>,
): GuardStart {
  const properties = [
    "Restart=on-failure",
    "RestartSec=2s", // never five starts in ten seconds, after which systemd would give up
    "RestartPreventExitStatus=1", // it said why it does not arm
    "KillMode=process", // a restore that is under way ends by itself
    "TimeoutStopSec=90s", // a rollback that is owed
    "OOMScoreAdjust=-1000",
    "LimitCORE=0",
    "Nice=-10",
  ]
  return {
    path: systemdRun,
    args: [
      "--quiet",
      "--collect",
      "--pipe",
      "--service-type=exec",
      `--unit=${unitName}`,
      "--description=fw-watchdog session",
      ...properties.map((property) => `--property=${property}`),
      ...Object.entries(environment).map(([name, value]) => `--setenv=${name}=${value}`),
      "--",
      guard.path,
      ...guard.args,
    ],
  }
}

/**
 * Outside of systemd nobody else says that a guard, or its listener after it, leaves no core: it would hold the secrets.
 * prlimit(1) is in util-linux, as setpriv is.
 */
export function withoutCore(prlimit: string | undefined, guard: GuardStart): GuardStart {
  if (prlimit === undefined) return guard
  return { path: prlimit, args: ["--core=0", "--", guard.path, ...guard.args] }
}

/** A unit lives in the network namespace of process 1; in any other the guard is a plain daemon. */
function systemdRunHere(): string | undefined {
  if (!existsSync("/run/systemd/system") || !inFirstNamespace()) return undefined
  return findProgram("systemd-run")
}

/**
 * Starts the guard without a terminal, as a unit of systemd's or else in a session of its own (setsid(2)), hands it its
 * order by a pipe, and waits until it is armed. The guard does not depend on this process from then on.
 *
 * @throws Fault with the guard's own code and words when it did not arm; nothing is left behind then.
 */
export async function launchGuard(
  order: GuardOrder,
  runtimeFolder: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Extract<ArmingResult, { ready: true }>> {
  preparePrivateFolder(runtimeFolder)
  await refuseSecondSession(runtimeFolder)
  const program = fileURLToPath(new URL("../bin/guard.js", import.meta.url))
  const guard: GuardStart = { path: process.execPath, args: [...armedOptions, program] }
  const clean = cleanEnvironment(environment)
  const systemdRun = systemdRunHere()
  const start =
    systemdRun === undefined
      ? withoutCore(findProgram("prlimit"), guard)
      : asTransientUnit(systemdRun, guard, clean)
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
  const result = await firstLine(child, `${JSON.stringify(order)}\n`, complaints)
  child.unref()
  child.stdout?.destroy()
  // systemd-run only waits for the unit by now; the unit does not need it.
  if (systemdRun !== undefined) child.kill("SIGKILL")
  if (result.ready) return result
  throw new Fault(result.code as FaultCode, result.message, result.hint === "" ? {} : { hint: result.hint })
}

function firstLine(child: ChildProcess, input: string, complaints: string): Promise<ArmingResult> {
  return new Promise((resolve, reject) => {
    let text = ""
    const fail = (why: string): void => {
      clearTimeout(limit)
      reject(
        new Fault("state-unknown", `the guard did not arm: ${why}`, {
          hint: `look at ${complaints}; \`fw-watchdog status\` tells whether a session is armed all the same`,
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
