import { readdirSync } from "node:fs"
import { join } from "node:path"
import { Fault, reasonOf } from "../errors.ts"
import { removePrivate, writePrivate } from "./private-file.ts"
import { readPrivateText } from "./read-secret-file.ts"
import { formatSecretLine, isSecretName, parseSecretFile } from "./secret-file.ts"

/** A secret that a workstation has agreed on with this host for good: `fw-knock enroll`. */
export interface EnrolledSecret {
  readonly name: string
  readonly secret: Uint8Array
  /** On the wall clock, in milliseconds; undefined for never. */
  readonly expiresMs: number | undefined
}

/** The shortest and the longest time that one may be accepted for, in milliseconds. */
export const expiryBounds = { min: 1000, max: 3650 * 86_400_000 }

const expiryLine = /^# expires (\S+)$/m

/** The folder of the enrolled secrets beside a file of standing ones. */
export const enrolledFolder = (secretFile: string): string => `${secretFile}.d`

/** The standing secrets of this host: `$CONFIGURATION_DIRECTORY` as systemd.exec(5) sets it, else /etc/fw-watchdog. */
export function standingSecretFile(environment: Readonly<Record<string, string | undefined>>): string {
  return join(environment.CONFIGURATION_DIRECTORY || "/etc/fw-watchdog", "secrets")
}

/** The names that are enrolled, in order; none where there is no folder. @throws Fault `permission` */
export function enrolledNames(folder: string): string[] {
  try {
    return readdirSync(folder).filter(isSecretName).sort()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return []
    throw new Fault("permission", `cannot read ${folder}: ${reasonOf(cause)}`, { cause })
  }
}

/**
 * The enrolled secrets, those that have expired too. A bad file of one person keeps nobody else's from being read.
 * @returns also the names whose file cannot be used, with the reason, a line each
 * @throws Fault `permission` when the folder cannot be read
 */
export function readEnrolled(folder: string): { enrolled: EnrolledSecret[]; leftOut: string[] } {
  const [enrolled, leftOut]: [EnrolledSecret[], string[]] = [[], []]
  for (const name of enrolledNames(folder)) {
    try {
      enrolled.push(readOne(join(folder, name), name))
    } catch (thrown) {
      leftOut.push(`the secret of ${name} is left out: ${reasonOf(thrown)}`)
    }
  }
  return { enrolled, leftOut }
}

/** @throws Fault as `readSecretFile`; also `configuration` for an expiry that is no time */
function readOne(path: string, name: string): EnrolledSecret {
  const text = readPrivateText(path)
  const [entry, another] = parseSecretFile(text, path)
  if (entry === undefined || another !== undefined)
    throw new Fault("configuration", `${path} holds more than one secret`)
  const written = expiryLine.exec(text)?.[1]
  const expiresMs = written === undefined ? undefined : Date.parse(written)
  // One that cannot be read is not one that never comes.
  if (Number.isNaN(expiresMs) || (written === undefined && text.includes("# expires")))
    throw new Fault("configuration", `${path} has an expiry that is no time`)
  return { name, secret: entry.secret, expiresMs }
}

/** Keeps one, in the place of an earlier one of the same name. @throws Fault as `writePrivate` */
export function keepEnrolled(
  folder: string,
  { name, secret, expiresMs }: EnrolledSecret,
  mark: string,
): void {
  const expiry = expiresMs === undefined ? "" : `# expires ${new Date(expiresMs).toISOString()}\n`
  const line = formatSecretLine({ host: undefined, name, secret })
  writePrivate(join(folder, name), `${expiry}${line}\n`, "keep the secret", mark)
}

/** Removes one; false when there is none. @throws Fault as `removePrivate` */
export function removeEnrolled(folder: string, name: string): boolean {
  return isSecretName(name) && removePrivate(join(folder, name), "remove the secret")
}
