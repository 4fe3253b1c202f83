import { accessSync, constants, statSync } from "node:fs"
import { dirname } from "node:path"
import { Fault, reasonOf } from "../../../errors.ts"
import { writeDurably } from "../../../system/files/durable-file.ts"

/**
 * Looks before the first knock whether the file can be written behind the last.
 * @throws Fault `permission` when it could not be, `usage` for what is there and is no regular file
 */
export function checkFailedFile(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === false)
    throw new Fault("usage", `--failed ${path} is not a regular file: what is there would be replaced`)
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
  try {
    writeDurably(path, hosts.map((host) => `${host}\n`).join(""))
  } catch (cause) {
    throw new Fault("permission", `--failed: ${reasonOf(cause)}`, {
      hint: hosts.length === 0 ? "none had failed" : `${hosts.length} had failed; --json tells which`,
      cause,
    })
  }
}
