import { findProgram } from "../../system/process/find-program.ts"
import type { RunCommand } from "../../system/process/run-command.ts"

/** systemctl answers from memory; milliseconds. */
const askMs = 2000

/** Tells whether this SIGTERM is one of many, because the whole machine stops. Without systemd nobody says so. */
export async function machineGoesDown(run: RunCommand): Promise<boolean> {
  const systemctl = findProgram("systemctl")
  if (systemctl === undefined) return false
  // systemctl(1), is-system-running: exit code 1 for any state but "running"; the word decides.
  const asked = await run({ path: systemctl, args: ["is-system-running"], timeoutMs: askMs })
  return asked.stdout.trim() === "stopping"
}
