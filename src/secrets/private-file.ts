import { mkdirSync, renameSync, unlinkSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { Fault } from "../errors.ts"
import { syncFolder, writeAndSync } from "../system/files/durable-file.ts"
import { asOwner } from "./sudo-caller.ts"

/**
 * Writes a file of mode 0600 that appears whole or not at all: written under another name, synced, renamed. Its folder is
 * made, mode 0700, where there is none.
 * @param what for messages, such as `remember the secret`
 * @param mark makes the other name one that nobody else writes to now
 * @throws Fault `permission` or `refused` when it cannot be written; nothing has changed then
 */
export function writePrivate(path: string, text: string, what: string, mark: string): void {
  const folder = dirname(path)
  const beside = join(folder, `.${basename(path)}.${mark}`)
  asOwner(folder, () => {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      writeAndSync(beside, text)
      renameSync(beside, path)
      syncFolder(folder)
    } catch (cause) {
      removeIfThere(beside)
      throw cannotChange(`cannot ${what} in ${path}`, cause)
    }
  })
}

/** Removes a file; false when there is none. @throws Fault as {@link writePrivate} */
export function removePrivate(path: string, what: string): boolean {
  return asOwner(dirname(path), () => {
    try {
      unlinkSync(path)
      syncFolder(dirname(path))
      return true
    } catch (cause) {
      if (errnoOf(cause) === "ENOENT") return false
      throw cannotChange(`cannot ${what} in ${path}`, cause)
    }
  })
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // It was never made, or has its final name.
  }
}

/** A failed file operation as a fault. */
export function cannotChange(what: string, cause: unknown): Fault {
  const errno = errnoOf(cause)
  const denied = errno === "EACCES" || errno === "EPERM" || errno === "EROFS"
  return new Fault(denied ? "permission" : "refused", `${what}: ${errno}`, { cause })
}

const errnoOf = (thrown: unknown): string =>
  (thrown as NodeJS.ErrnoException | undefined)?.code ?? "unknown error"
