import { accessSync, constants, renameSync, unlinkSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { Fault, reasonOf } from "../../../errors.ts"

/** @throws Fault `permission` when no file could be written there: better before the first knock than behind the last */
export function checkFailedFile(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new Fault("permission", `cannot write --failed ${path}: ${reasonOf(cause)}`, { cause })
  }
}

/**
 * Writes hosts as they were named, one a line, as `--hosts` reads them; no line when there are none. What was there before
 * stays until all is written.
 * @throws Fault `permission` when it cannot be written
 */
export function writeFailedFile(path: string, hosts: readonly string[]): void {
  const beside = `${path}.${process.pid}`
  try {
    writeFileSync(beside, hosts.map((host) => `${host}\n`).join(""))
    renameSync(beside, path)
  } catch (cause) {
    try {
      unlinkSync(beside)
    } catch {
      // It was never made.
    }
    throw new Fault("permission", `cannot write --failed ${path}: ${reasonOf(cause)}`, {
      hint: hosts.length === 0 ? "none had failed" : `${hosts.length} had failed; --json tells which`,
      cause,
    })
  }
}
