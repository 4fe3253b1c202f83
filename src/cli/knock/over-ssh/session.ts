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
    const work = async (): Promise<number> => {
      const server = await Server.logIn(typed, ssh, host)
      try {
        const { code } = await server.runProgram(
          "watchdog",
          [command, ...(terminal.json ? ["--json"] : [])],
          "stdout",
        )
        if (code !== 255) return code
        throw new Fault("state-unknown", `the connection to ${server.destination.name} broke`, {
          hint: `nobody knows whether "${command}" was done: fw-knock status ${server.destination.name}`,
        })
      } finally {
        await server.close()
      }
    }
    return await interrupt.during(
      work(),
      () => new Fault("state-unknown", `interrupted; nobody knows whether "${command}" was done`),
    )
  } finally {
    interrupt.stop()
  }
}
