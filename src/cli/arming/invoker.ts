import { readlinkSync } from "node:fs"
import { userInfo } from "node:os"
import type { ArmedBy } from "../../guard/machine/configuration.ts"
import type { ProgramHost } from "../terminal/terminal.ts"

/** Who gives this command, through sudo too. @param from the ssh client's address */
export function whoArms(environment: ProgramHost["env"], from: string | undefined): ArmedBy {
  return {
    user: environment.SUDO_USER ?? environment.LOGNAME ?? environment.USER ?? userInfo().username,
    from: from ?? "",
    terminal: terminalName(),
  }
}

function terminalName(): string {
  try {
    const target = readlinkSync("/proc/self/fd/2")
    return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") ? target : ""
  } catch {
    return ""
  }
}
