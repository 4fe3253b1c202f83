import type { Clock } from "../../clock.ts"
import { askOnce, NoGuard } from "../../guard/control/client.ts"
import type { SessionStatus } from "../../guard/machine/status.ts"
import type { Terminal } from "../terminal/terminal.ts"

/** How often a session is asked whether it has ended, and how long before the operator is told that it is waited for; milliseconds. */
const askMs = 100
const tellMs = 1000
/** An end that takes longer than this has its own trouble (machine/transitions/end.ts); milliseconds. */
const longestMs = 200_000

/** The session of this network namespace; undefined when there is none, or only the journal of a killed one. */
export async function statusOf(runtimeFolder: string): Promise<SessionStatus | undefined> {
  try {
    return await askOnce(runtimeFolder, { command: "status" })
  } catch (thrown) {
    // Arming decides what a journal means.
    if (thrown instanceof NoGuard) return undefined
    throw thrown
  }
}

/**
 * Waits for the end of a session that ends, so that another one can be armed right behind it.
 * @returns the session that goes on here; undefined when none does
 */
export async function outliveEnding(
  runtimeFolder: string,
  clock: Clock,
  terminal: Terminal,
): Promise<SessionStatus | undefined> {
  const begunMs = clock.bootMs()
  let told = false
  for (;;) {
    const status = await statusOf(runtimeFolder)
    const waitedMs = clock.bootMs() - begunMs
    if (status?.ending !== true || waitedMs > longestMs) return status
    if (!told && waitedMs >= tellMs) terminal.say("waiting for the session here to end")
    told ||= waitedMs >= tellMs
    await new Promise<void>((resolve) => clock.after(askMs, resolve))
  }
}
