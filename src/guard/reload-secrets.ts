import { statSync } from "node:fs"
import { Fault, reasonOf } from "../errors.ts"
import type { Outcome } from "../report/outcome.ts"
import { readSecretFile } from "../secrets/read-secret-file.ts"
import { listenerSetup } from "./assemble.ts"
import { type SessionConfiguration, standingSecrets } from "./configuration.ts"
import type { Listeners } from "./listeners/supervisor.ts"
import type { Session } from "./session.ts"

/** SIGHUP: parse, validate, then swap. A bad file keeps the secrets as they are and says so. */
export function reloadSecrets(
  configuration: SessionConfiguration,
  session: Session,
  listeners: Listeners,
  emit: (outcome: Outcome) => void,
): void {
  const { secretFile } = configuration
  if (secretFile === "")
    return emit({
      event: "reload-refused",
      code: "refused",
      message: "SIGHUP: there is no secret file to read again",
    })
  try {
    // Opening a named pipe would wait for who writes to it, and nothing else would be done meanwhile.
    if (!statSync(secretFile).isFile()) throw new Fault("configuration", `${secretFile} is no file`)
    session.useSecrets(standingSecrets(readSecretFile(secretFile)))
    listeners.replace("the secrets were read again", listenerSetup(configuration, session))
    emit({ event: "reloaded", code: "done", message: `read ${secretFile} again` })
  } catch (thrown) {
    const message = `kept the old secrets: ${reasonOf(thrown)}`
    emit({ event: "reload-failed", code: "configuration", message })
  }
}
