import { existsSync, statSync } from "node:fs"
import { Fault, reasonOf } from "../../errors.ts"
import type { Outcome } from "../../report/outcome.ts"
import { systemClock } from "../../system/system-clock.ts"
import { readStanding } from "../state/standing-secrets.ts"
import type { Runtime } from "./runtime.ts"

/** SIGHUP: parse, validate, then swap. A bad file keeps the secrets as they are and says so. */
export function reloadSecrets(session: Runtime, emit: (outcome: Outcome) => void): void {
  const { secretFile } = session.record.configuration
  if (secretFile === "")
    return emit({
      event: "reload-refused",
      code: "refused",
      message: "SIGHUP: there is no secret file to read again",
    })
  try {
    // Opening a named pipe would wait for who writes to it, and nothing else would be done meanwhile.
    if (existsSync(secretFile) && !statSync(secretFile).isFile())
      throw new Fault("configuration", `${secretFile} is no file`)
    const { secrets, leftOut } = readStanding(secretFile, systemClock.wallMs())
    if (leftOut.length > 0) throw new Fault("configuration", leftOut.join("; "))
    session.feed({ type: "secrets-read", secrets })
    emit({ event: "reloaded", code: "done", message: `read ${secretFile} again` })
  } catch (thrown) {
    const message = `kept the old secrets: ${reasonOf(thrown)}`
    emit({ event: "reload-failed", code: "configuration", message })
  }
}
