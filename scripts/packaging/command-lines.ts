import type { Command } from "commander"
import { applyProgram } from "../../src/cli/apply/command-line.ts"
import { knockProgram } from "../../src/cli/knock/command-line.ts"
import type { ProgramHost } from "../../src/cli/terminal/terminal.ts"
import { watchdogProgram } from "../../src/cli/watchdog/command-line.ts"

/** The command lines of the programs as they define them, to be read and not to be run. */
export function commandLines(): readonly Command[] {
  const unused = async (): Promise<number> => {
    throw new Error("this command line is only read")
  }
  const host = {} as ProgramHost // touched by what runs, and nothing runs
  return [
    watchdogProgram(host, { onInterrupt: () => {} }, () => {}),
    applyProgram(host, { onInterrupt: () => {} }, () => {}),
    knockProgram(
      host,
      {
        knock: unused,
        secret: unused,
        list: unused,
        importHosts: unused,
        arm: unused,
        apply: unused,
        enroll: unused,
        session: unused,
      },
      () => {},
    ),
  ]
}
