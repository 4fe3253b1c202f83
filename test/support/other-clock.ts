import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { ArmingResult, GuardOrder } from "../../src/guard/launch/order.ts"
import { plainestSession } from "../../src/guard/machine/configuration.ts"
import type { ArmedServer } from "./lab/programs.ts"

const libraries = "/usr/lib"
const faketime: string | undefined = readdirSync(libraries)
  .map((folder) => join(libraries, folder, "faketime", "libfaketime.so.1"))
  .find((path) => existsSync(path))

/** Why no process can be given another clock here, or undefined when it can. */
export const noOtherClock = faketime === undefined ? "faketime is not installed" : undefined

/** An environment in which a program's wall clock is off by so much (faketime(1): "+3650d"); its other clocks are right. */
export function withClock(off: string): NodeJS.ProcessEnv {
  return { LD_PRELOAD: faketime, FAKETIME: off, FAKETIME_DONT_FAKE_MONOTONIC: "1" }
}

/** The same, off by what a file says at each moment: writing to it steps the clock. */
function withClockIn(file: string): NodeJS.ProcessEnv {
  return {
    LD_PRELOAD: faketime,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  }
}

const guard = fileURLToPath(new URL("../../dist/bin/guard.js", import.meta.url))

/**
 * Arms a session whose guard has another clock. The arming command keeps no such environment, so the guard is started here
 * and given the order that the command would give it. Resolves when it is armed.
 *
 * @param clock how far it is off, or the file that says so
 */
export async function armWithClock(
  armed: ArmedServer,
  clock: string | { readonly file: string },
  timeoutMs = 600_000,
): Promise<void> {
  const order: GuardOrder = {
    configuration: {
      ...plainestSession,
      timeoutMs,
      secrets: [
        { host: "192.0.2.1", name: "", kind: "standing", secret: Buffer.from(armed.secret).toString("hex") },
      ],
      quiet: true,
    },
  }
  const child = armed.host.start([process.execPath, guard], {
    env: {
      ...armed.environment,
      ...(typeof clock === "string" ? withClock(clock) : withClockIn(clock.file)),
    },
    stdin: "pipe",
  })
  let complained = ""
  child.stderr?.on("data", (chunk: Buffer) => {
    complained += chunk.toString()
  })
  child.stdin?.end(`${JSON.stringify(order)}\n`)
  const result = await new Promise<ArmingResult>((resolve, reject) => {
    let said = ""
    child.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes("\n")) resolve(JSON.parse(said) as ArmingResult)
    })
    child.once("exit", (code) => reject(new Error(`the guard ended with ${code}: ${complained}`)))
  })
  if (!result.ready) throw new Error(`arming: ${result.message}`)
}
