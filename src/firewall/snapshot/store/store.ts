import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from "node:fs"
import { readdir, rm } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { Fault } from "../../../errors.ts"
import { fileFault, makeFolder, writeDurablyBehind } from "../../../system/files/durable-file.ts"
import type { Snapshot } from "../snapshot.ts"
import { decodeSnapshot, encodeSnapshot } from "./format.ts"

/**
 * Snapshots on disk: one file each. The name begins with a number, so that names sort by age whatever somebody does to
 * the clock; the time in it is for people.
 */

const prefix = "snapshot-"
const suffix = ".fw"
/** A ruleset of 20 000 rules and a set of 50 000 elements make 6 MB. */
const largestBytes = 256 * 1024 * 1024

/**
 * Writes a snapshot into a folder, which is made (0700) when missing; 0600, by write, fsync, rename. A disk that hangs
 * keeps whoever awaits this waiting, and nobody else.
 * @returns the path of the file
 * @throws Fault `missing` (full, read-only) or `permission`; the snapshot in memory is as good as before
 */
export async function saveSnapshot(folder: string, snapshot: Snapshot): Promise<string> {
  makeFolder(folder)
  const time = new Date(snapshot.takenAtMs).toISOString().replace(/[:.]/g, "-")
  const reason = snapshot.reason
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 40)
  const last = /-(\d+)-/.exec(basename((await listSnapshots(folder)).at(-1) ?? ""))?.[1]
  const number = String(Number(last ?? 0) + 1).padStart(8, "0")
  const name = `${prefix}${number}-${time}-${reason}${suffix}`
  const path = join(folder, name)
  await writeDurablyBehind(path, encodeSnapshot(snapshot))
  return path
}

/**
 * Reads a snapshot back. What it says is loaded into the firewall as root, so the file and its folder have to belong
 * to root (or to whom we run as) and nobody else may be able to write or read them; a link is not followed.
 * @throws Fault `permission` for an owner or mode that cannot be trusted, `configuration` for content that is not a
 * snapshot, `missing` when there is none
 */
export function loadSnapshot(path: string): Snapshot {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    throw fileFault(`cannot open snapshot ${path}`, cause)
  }
  try {
    const stat = fstatSync(file)
    if (!stat.isFile()) throw distrusted(path, "it is not a regular file")
    if (!isOurs(stat.uid)) throw distrusted(path, `it belongs to user ${stat.uid}, root is wanted`)
    if ((stat.mode & 0o077) !== 0) throw distrusted(path, `its mode is ${octal(stat.mode)}, 0600 is wanted`)
    const folder = statSync(dirname(path))
    if (!isOurs(folder.uid) || (folder.mode & 0o022) !== 0)
      throw distrusted(path, `others may write its folder (user ${folder.uid}, mode ${octal(folder.mode)})`)
    if (stat.size > largestBytes)
      throw new Fault(
        "configuration",
        `cannot read snapshot ${path}: ${stat.size} bytes, at most ${largestBytes} are wanted`,
      )
    return decodeSnapshot(readFileSync(file, "utf8"), path)
  } catch (cause) {
    throw cause instanceof Fault ? cause : fileFault(`cannot read snapshot ${path}`, cause)
  } finally {
    closeSync(file)
  }
}

/** The snapshots in a folder, oldest first; none when there is no folder. */
async function listSnapshots(folder: string): Promise<string[]> {
  try {
    const names = (await readdir(folder)).filter((name) => name.startsWith(prefix) && name.endsWith(suffix))
    return names.sort().map((name) => join(folder, name))
  } catch {
    return []
  }
}

/**
 * Removes all but the newest.
 * @param keep how many stay
 * @param spared paths that stay besides: what a session goes back to may be older
 * @returns how many went; what cannot be removed stays and is tried again next time
 */
export async function pruneSnapshots(
  folder: string,
  keep: number,
  spared: readonly string[] = [],
): Promise<number> {
  let removed = 0
  for (const path of (await listSnapshots(folder)).slice(0, -keep || undefined)) {
    if (spared.includes(path)) continue
    try {
      await rm(path)
      removed += 1
    } catch {
      // Read-only disk: it was not written to either.
    }
  }
  return removed
}

function isOurs(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.()
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0")
}

function distrusted(path: string, why: string): Fault {
  return new Fault("permission", `refused to read snapshot ${path}: ${why}`, {
    hint: "a snapshot is loaded into the firewall as root; keep only what fw-watchdog wrote",
  })
}
