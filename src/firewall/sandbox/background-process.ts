import { spawn } from "node:child_process"
import { signalChild } from "../../signal-child.ts"
import { commandEnvironment } from "../../system/process/run-command.ts"
import type { SystemTools } from "../../system/process/system-tools.ts"
import type { Namespace } from "./namespace.ts"

/** A program that runs in a throw-away namespace until it is ended. */
export interface BackgroundProcess {
  /** Everything that it printed so far, standard error included. */
  output(): string
  /** Waits until its output matches, it has ended, or the time is over. */
  until(pattern: RegExp, limitMs: number): Promise<boolean>
  end(): Promise<void>
}

/** Starts a program in a throw-away namespace, with the files of this machine; it dies with this process. */
export function startInBackground(
  namespace: Namespace,
  system: SystemTools,
  path: string,
  args: readonly string[],
): BackgroundProcess {
  const enter = ["--pdeathsig", "KILL", system.nsenter, `--net=${namespace.netns}`, "--"]
  const child = spawn(system.setpriv, [...enter, path, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...commandEnvironment },
  })
  let output = ""
  let look = (): void => {}
  let ended = false
  const gone = new Promise<void>((resolve) => {
    const end = (): void => {
      ended = true
      look()
      resolve()
    }
    child.once("close", end)
    child.once("error", end)
  })
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      output += String(chunk)
      look()
    })
  return {
    output: () => output,
    until: async (pattern, limitMs) =>
      await new Promise((resolve) => {
        const timer = setTimeout(() => resolve(pattern.test(output)), limitMs)
        look = () => {
          if (!ended && !pattern.test(output)) return
          clearTimeout(timer)
          resolve(pattern.test(output))
        }
        look()
      }),
    end: async () => {
      signalChild(child, "SIGKILL")
      await gone
    },
  }
}
