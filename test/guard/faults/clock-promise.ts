import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { systemClock } from "../../../src/system/system-clock.ts"
import type { ArmedServer } from "../../support/lab/programs.ts"

/** How far an end may be from what was promised, in milliseconds. */
export const promisedMs = 1000
/** The clocks of two processes, rounded: by so much an end that is on time may seem too early. */
export const earliestMs = -5

/**
 * Waits until the armed session is over: what was owed has been done, the end has been told, and its journal is gone.
 * @returns how long after its deadline that was, in milliseconds of the boot clock; negative when it was too early
 */
export async function endedLateMs(armed: ArmedServer): Promise<number> {
  const journal = join(armed.runtimeFolder(), "journal.json")
  const { deadlineMs } = JSON.parse(readFileSync(journal, "utf8")) as { deadlineMs: number }
  while (existsSync(journal)) {
    if (systemClock.bootMs() > deadlineMs + 30_000) throw new Error("the session has not ended")
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return systemClock.bootMs() - deadlineMs
}
