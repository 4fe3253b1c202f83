import { spawnSync } from "node:child_process"
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { syncFolder } from "../../system/files/durable-file.ts"
import { findProgram } from "../../system/process/find-program.ts"
import type { HostRecord } from "../host-record.ts"
import { recordFile, recordText } from "../host-records.ts"
import { cannotChange } from "../private-file.ts"
import { asOwner } from "../sudo-caller.ts"

/** So many files are synced one by one; for more, one sync of their file system is quicker, whoever else writes to it. */
const mostSynced = 100

/**
 * Keeps many records, each in place of the one of the same name. All are written and on the disk before the first takes its
 * place: where there is no room nothing has changed, and after a crash each is the old one or the new one, whole.
 * @param mark makes the folder that they are first written to one that nobody else writes to now
 * @throws Fault `permission` or `refused` when they cannot be written; `usage` for a name that is none
 */
export function keepRecords(folder: string, records: readonly HostRecord[], mark: string): void {
  const files = records.map((record) => ({ name: recordFile(record), text: recordText(record) }))
  const beside = join(folder, `.import.${mark}`)
  asOwner(folder, () => {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      mkdirSync(beside, { mode: 0o700 })
      for (const { name, text } of files) writeFileSync(join(beside, name), text, { mode: 0o600, flag: "wx" })
      syncAll(
        files.map(({ name }) => join(beside, name)),
        beside,
      )
      for (const { name } of files) renameSync(join(beside, name), join(folder, name))
      rmdirSync(beside)
      syncFolder(folder)
    } catch (cause) {
      rmSync(beside, { recursive: true, force: true })
      throw cannotChange(`cannot keep ${records.length} records in ${folder}`, cause)
    }
  })
}

/** sync(1) of GNU coreutils and BusyBox knows `-f`, syncfs(2); where it does not, file by file. */
function syncAll(paths: readonly string[], folder: string): void {
  const program = paths.length > mostSynced ? findProgram("sync") : undefined
  if (program !== undefined && spawnSync(program, ["-f", folder], { stdio: "ignore" }).status === 0) return
  for (const path of paths) {
    const file = openSync(path, "r")
    try {
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }
}
