import { existsSync, statSync } from "node:fs"
import { Fault } from "../../errors.ts"
import { type EnrolledSecret, enrolledFolder, readEnrolled } from "../../secrets/enrolled.ts"
import { readSecretFile } from "../../secrets/read-secret-file.ts"
import { mostSecrets } from "../../secrets/secret-file.ts"
import { type ArmedSecret, standingSecrets } from "../machine/configuration.ts"

/** Secrets that a session accepts, and those that cannot be used, with the reason, a line each. */
export interface StandingSecrets {
  readonly secrets: readonly ArmedSecret[]
  readonly leftOut: readonly string[]
}

/**
 * The secrets of a file of standing ones, and those that are enrolled beside it and have not expired. With enrolled ones the file may be
 * missing.
 * @param nowMs the wall clock
 * @throws Fault as `readSecretFile`; also when there are too many
 */
export function readStanding(secretFile: string, nowMs: number): StandingSecrets {
  const enrolled = enrolledBeside(secretFile, nowMs)
  if (enrolled.secrets.length > 0 && !existsSync(secretFile)) return enrolled
  const secrets = [...standingSecrets(readSecretFile(secretFile)), ...enrolled.secrets]
  if (secrets.length > mostSecrets)
    throw new Fault(
      "configuration",
      `${secretFile} and ${enrolledFolder(secretFile)} hold more than ${mostSecrets} secrets`,
    )
  return { ...enrolled, secrets }
}

/** The enrolled secrets alone. */
export function enrolledBeside(secretFile: string, nowMs: number): StandingSecrets {
  const folder = enrolledFolder(secretFile)
  // A pipe (`<(pass show web1)`) has nothing beside it.
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return { secrets: [], leftOut: [] }
  const { enrolled, leftOut } = readEnrolled(folder)
  const current = enrolled.filter(({ expiresMs }) => expiresMs === undefined || nowMs < expiresMs)
  return { secrets: current.map(armedEnrolled), leftOut }
}

/** One as a session uses it. */
export function armedEnrolled({ name, secret, expiresMs }: EnrolledSecret): ArmedSecret {
  const armed = { host: "", name, kind: "standing", enrolled: true } as const
  return {
    ...armed,
    secret: Buffer.from(secret).toString("hex"),
    ...(expiresMs === undefined ? {} : { expiresMs }),
  }
}
