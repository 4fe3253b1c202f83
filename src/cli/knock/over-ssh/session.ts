import { Fault } from "../../../errors.ts"
import type { ProgramHost, Terminal } from "../../terminal/terminal.ts"
import { Interrupt } from "./interrupt.ts"
import { Server } from "./server.ts"

/** The commands of `fw-watchdog` that are run there as they are. */
export type SessionCommand = "status" | "undo" | "disarm"

/**
 * `fw-knock status|undo|disarm HOST`: runs the command of `fw-watchdog` there; what it says is shown as it says it.
 * @returns its exit code
 */
export async function runThere(
  command: SessionCommand,
  typed: string,
  ssh: string,
  terminal: Terminal,
  host: ProgramHost,
): Promise<number> {
  const interrupt = new Interrupt()
  try {
    const server = await interrupt.during(
      Server.logIn(typed, ssh, host),
      () => new Fault("refused", "interrupted: nothing was done"),
    )
    const { name } = server.destination
    const unknown = { hint: `nobody knows whether "${command}" was done: fw-knock status ${name}` }
    try {
      const args = [command, ...(terminal.json ? ["--json"] : [])]
      const { code } = await interrupt.during(
        server.runProgram("watchdog", args, { shown: "stdout" }),
        () => new Fault("state-unknown", "interrupted", unknown),
      )
      if (code !== 255) return code
      throw new Fault("state-unknown", `the connection to ${name} broke`, unknown)
    } finally {
      await server.close()
    }
  } finally {
    interrupt.stop()
  }
}
