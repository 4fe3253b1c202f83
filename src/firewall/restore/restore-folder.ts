import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Fault } from "../../errors.ts"
import { fileFault, makeFolder, writeDurably } from "../../system/files/durable-file.ts"
import type { RunCommand } from "../../system/process/run-command.ts"
import type { SystemTools } from "../../system/process/system-tools.ts"
import { parseScriptResult, type ScriptResult } from "./script.ts"

/**
 * Each restore has a folder of its own, made before anything is changed and removed when its end is known. Rules do not
 * outlive the kernel, so a folder of an earlier boot means nothing any more.
 */

const prefix = "restore-"

/**
 * Writes the files of a restore into a folder of its own.
 * @returns that folder
 * @throws Fault when it cannot be written; nothing has been changed then
 */
export function writeRestoreFolder(folder: string, files: ReadonlyMap<string, string>): string {
  try {
    makeFolder(folder)
    const own = mkdtempSync(join(folder, prefix))
    try {
      writeDurably(join(own, "boot"), bootId())
      for (const [name, text] of files) writeDurably(join(own, name), text)
    } catch (fault) {
      rmSync(own, { recursive: true, force: true })
      throw fault
    }
    return own
  } catch (cause) {
    throw cause instanceof Fault ? cause : fileFault(`cannot write a restore into ${folder}`, cause)
  }
}

/**
 * Runs the script in a restore's folder to its end, in a session of its own; it goes on when this process ends.
 * @returns how it ended; undefined when it was cut off
 */
export async function runRestore(
  run: RunCommand,
  system: SystemTools,
  own: string,
): Promise<ScriptResult | undefined> {
  await run({
    path: system.setsid,
    args: ["--wait", system.sh, join(own, "run.sh"), own],
    // Its own steps have time limits; it must never be killed in the middle.
    timeoutMs: 24 * 3600 * 1000,
  })
  return readResult(own)
}

/** The restores below a folder that were begun in this boot and have no end; folders that mean nothing are removed. */
export function interruptedRestores(folder: string): string[] {
  let names: string[] = []
  try {
    names = readdirSync(folder).filter((name) => name.startsWith(prefix))
  } catch {
    return []
  }
  return names
    .map((name) => join(folder, name))
    .filter((own) => {
      const begun = readIfThere(join(own, "started")) !== undefined
      const pending = begun && readIfThere(join(own, "boot")) === bootId() && readResult(own) === undefined
      if (!pending) removeRestoreFolder(own)
      return pending
    })
}

export function removeRestoreFolder(own: string): void {
  rmSync(own, { recursive: true, force: true })
}

/** The words of the failing step, on one line. */
export function stepError(own: string, id: string): string {
  const lines = (readIfThere(join(own, `${id}.err`)) ?? "").split("\n").map((line) => line.trim())
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .slice(0, 3)
    .join(" ")
}

function readResult(own: string): ScriptResult | undefined {
  return parseScriptResult(readIfThere(join(own, "result")) ?? "")
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

function bootId(): string {
  return (readIfThere("/proc/sys/kernel/random/boot_id") ?? "").trim()
}
