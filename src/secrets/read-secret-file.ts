import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { Fault } from "../errors.ts"
import { parseSecretFile, type SecretEntry, serverLimits } from "./secret-file.ts"

/**
 * The entries of a secret file that nobody else can read: it belongs to root, to who runs this, or to who called sudo.
 * @throws Fault `permission` when it cannot be read, `configuration` when somebody else can get at it, or when it is not a
 *   secret file
 */
export function readSecretFile(path: string, limits = serverLimits): SecretEntry[] {
  return parseSecretFile(readPrivateText(path, limits.bytes), path, limits)
}

/**
 * Opened first and then looked at, so that what was looked at is what is read. A pipe (`<(pass show web1)`) will do too.
 * @param most a longer file is refused, in bytes
 */
export function readPrivateText(path: string, most = serverLimits.bytes): string {
  let descriptor: number
  try {
    descriptor = openSync(path, "r")
  } catch (cause) {
    throw new Fault("permission", `cannot read the secret file ${path}: ${errnoOf(cause)}`, { cause })
  }
  try {
    const found = fstatSync(descriptor)
    if (found.isDirectory()) throw new Fault("configuration", `${path} is a folder: a secret file is wanted`)
    if (!trustedOwners().includes(found.uid))
      throw new Fault(
        "configuration",
        `the secret file ${path} belongs to user ${found.uid}: root is wanted`,
        {
          hint: `chown root ${path}, and make a new secret if that user is not to have it`,
        },
      )
    if ((found.mode & 0o077) !== 0)
      throw new Fault(
        "configuration",
        `the secret file ${path} has mode ${(found.mode & 0o7777).toString(8).padStart(4, "0")}: 0600 is wanted`,
        { hint: `chmod 600 ${path}, and make a new secret if somebody may have read this one` },
      )
    return readWhole(descriptor, path, most, found.isFile() ? found.size : most)
  } finally {
    closeSync(descriptor)
  }
}

/** sudo(8) sets SUDO_UID; nobody but root could make use of lying here. */
function trustedOwners(): number[] {
  const { SUDO_UID } = process.env
  return [0, process.geteuid?.() ?? 0, ...(SUDO_UID === undefined ? [] : [Number(SUDO_UID)])]
}

/** @param expected as long as a file says it is; it may grow meanwhile */
function readWhole(descriptor: number, path: string, most: number, expected: number): string {
  let bytes = Buffer.alloc(Math.min(expected, most) + 1)
  let length = 0
  try {
    for (let got = -1; got !== 0 && length <= most; length += got) {
      if (length === bytes.length) bytes = Buffer.concat([bytes, Buffer.alloc(most + 1 - length)])
      got = readSync(descriptor, bytes, length, bytes.length - length, null)
    }
  } catch (cause) {
    throw new Fault("permission", `cannot read the secret file ${path}: ${errnoOf(cause)}`, { cause })
  }
  if (length > most)
    throw new Fault(
      "configuration",
      `the secret file ${path} is too long: at most ${most / 1024} KiB are wanted`,
    )
  return bytes.toString("utf8", 0, length)
}

const errnoOf = (thrown: unknown): string =>
  (thrown as NodeJS.ErrnoException | undefined)?.code ?? "unknown error"
