import { Fault } from "../errors.ts"
import { foldersFor } from "../guard/folders.ts"
import { launchGuard } from "../guard/launch.ts"
import { exitCodeFor } from "../report/outcome.ts"
import type { ProgramHost, Terminal } from "./terminal.ts"

/**
 * `fw-watchdog resume`: a new guard goes on with the session of one that was killed: same secrets, same deadline, and what
 * was owed is still owed. Every knock gets a challenge from then on, since the nonces died with the old guard.
 *
 * @throws Fault `refused` when there is none, or its guard is alive
 */
export async function resume(terminal: Terminal, host: ProgramHost): Promise<number> {
  if (process.geteuid?.() !== 0)
    throw new Fault("permission", "cannot resume a session without root", { hint: "sudo fw-watchdog resume" })
  const ready = await launchGuard({ resume: true }, foldersFor(host.env).runtime, host.env)
  terminal.report({
    event: "resumed",
    code: "done",
    message: `the session goes on, hearing on ${ready.devices.join(", ")}`,
    hint: "`fw-watchdog status` shows it",
    facts: { devices: ready.devices, backends: ready.backends },
  })
  for (const note of ready.notes) terminal.warn(note)
  return exitCodeFor("done")
}
