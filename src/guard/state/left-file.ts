import { rmSync } from "node:fs"
import { join } from "node:path"
import { Fault } from "../../errors.ts"
import { bootId } from "../../system/boot-id.ts"
import { writeDurably } from "../../system/files/durable-file.ts"
import type { LeftBehind } from "../machine/left-behind.ts"
import type { OpenFacts } from "../machine/outcomes/open-since.ts"
import type { LastChange, SnapshotRef } from "../machine/record.ts"
import { type OpenOnDisk, openOnDisk, undoableOf } from "./open-on-disk.ts"
import { readPrivateFile } from "./private-file.ts"

/** Everything that a session has left behind in this boot, for an undo without a session and for the next session. No secrets. */
export interface LeftFile {
  readonly version: 1
  /** /proc/sys/kernel/random/boot_id: what another boot left open is not what is in force. */
  readonly bootId: string
  /** People are not written to: as the session was armed. */
  readonly quiet: boolean
  /** The open that nobody has undone. */
  readonly open?: OpenOnDisk
  /** When it was undone behind the session; wall clock, milliseconds. */
  readonly undoneMs?: number
  readonly lastChange?: LastChange
}

const fileName = "left.json"

/** All that a session leaves, as it is written down. */
export function leftFileOf({ open, lastChange }: LeftBehind, quiet: boolean): LeftFile {
  return {
    ...{ version: 1, bootId: bootId(), quiet },
    ...(open === undefined ? {} : { open: openOnDisk(open) }),
    ...(lastChange === undefined ? {} : { lastChange }),
  }
}

/** The same read back. @param load finds a snapshot by its path; undefined where it is lost */
export function leftBehindOf(
  { open, lastChange }: LeftFile,
  load: (path: string) => SnapshotRef | undefined,
): LeftBehind {
  return { open: open && undoableOf(open, load), lastChange }
}

/** The open that was left, as everybody is told of it. */
export function leftOpen({ open }: Pick<LeftFile, "open">): OpenFacts | undefined {
  if (open === undefined) return undefined
  const { atMs, scope, whole } = open.since
  return { sinceMs: atMs, scope, whole, undoable: open.snapshot !== "" }
}

/**
 * Writes it, whole or not at all, mode 0600.
 * @throws Fault when it cannot be written
 */
export function writeLeft(runtimeFolder: string, left: LeftFile): void {
  writeDurably(join(runtimeFolder, fileName), JSON.stringify(left))
}

/** Takes it away: a session has taken it over, or there is nothing any more. */
export function removeLeft(runtimeFolder: string): void {
  rmSync(join(runtimeFolder, fileName), { force: true })
}

/**
 * Reads what was left in this boot.
 * @returns undefined when there is nothing, or of an earlier boot only
 * @throws Fault `configuration` when the file is not root's alone, or is something else: it is left where it is
 */
export function readLeft(runtimeFolder: string): LeftFile | undefined {
  const path = join(runtimeFolder, fileName)
  const distrusted = (why: string): Fault =>
    new Fault("configuration", `cannot use ${path}, which says whether the firewall is open: ${why}`, {
      hint: "look at it, and remove it",
    })
  const text = readPrivateFile(path, distrusted)
  if (text === undefined) return undefined
  const left = parse(text)
  if (left === undefined) throw distrusted("this program has not written it")
  return left.bootId === bootId() ? left : undefined
}

/** Shape only: it was written by root, and nobody else could. */
function parse(text: string): LeftFile | undefined {
  try {
    const value = JSON.parse(text) as LeftFile
    const { open, version } = value
    const sound =
      open === undefined || (Number.isFinite(open.since.atMs) && typeof open.snapshot === "string")
    return version === 1 && typeof value.bootId === "string" && sound ? value : undefined
  } catch {
    return undefined
  }
}
