import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Fault, reasonOf } from "../../errors.ts"
import { bootId } from "../../system/boot-id.ts"
import { writeDurably } from "../../system/durable-file.ts"
import type { SessionConfiguration } from "../configuration.ts"
import type { KeptChange, LastChange } from "./change-record.ts"
import { type OpeningState, readOpeningMark, removeOpeningMark } from "./open-marker.ts"

/**
 * What a killed guard leaves behind so that another one can go on with its session. It holds the secrets, so it lies in
 * the runtime folder only, which is a tmpfs: a reboot ends every session.
 */
export interface Journal {
  readonly version: 1
  /** /proc/sys/kernel/random/boot_id: the boot clock of another boot says nothing here. */
  readonly bootId: string
  readonly configuration: SessionConfiguration
  /** When the session ends, on the boot clock, in milliseconds. */
  readonly deadlineMs: number
  /** When `--open-for` goes back, on the boot clock; 0 when nothing is owed. */
  readonly closeAgainMs: number
  /** Wall clock when the session began: no older one-way knock of a standing secret counts. */
  readonly bornWallMs: number
  /** The snapshots to go back to, as paths; empty where there is none on disk. */
  readonly armingSnapshot: string
  readonly lastOpenSnapshot: string
  /** An open was under way; "kept": the snapshot of the last open is of this one. In a file of its own. */
  readonly opening?: OpeningState
  /** The change that waits for its confirmation; its rules are in the state folder. */
  readonly change?: KeptChange
  readonly lastChange?: LastChange
}

/** What a session has to say for the journal. */
export type SessionJournal = Pick<
  Journal,
  "configuration" | "deadlineMs" | "closeAgainMs" | "bornWallMs" | "change" | "lastChange"
>

const fileName = "journal.json"

/**
 * Writes the journal, whole or not at all, mode 0600.
 * @throws Fault when it cannot be written
 */
export function writeJournal(runtimeFolder: string, journal: Omit<Journal, "opening">): void {
  writeDurably(join(runtimeFolder, fileName), JSON.stringify(journal))
}

/** With what an open has left beside it. */
export function removeJournal(runtimeFolder: string): void {
  removeOpeningMark(runtimeFolder)
  rmSync(join(runtimeFolder, fileName), { force: true })
}

/** Is there a journal at all, whatever it says? */
export function hasJournal(runtimeFolder: string): boolean {
  return existsSync(join(runtimeFolder, fileName))
}

/**
 * Reads the journal of this boot.
 * @returns undefined when there is none, or one of an earlier boot, which is removed: its session is over
 * @throws Fault `configuration` when it is not root's alone, or not a journal: it is left where it is
 */
export function readJournal(runtimeFolder: string): Journal | undefined {
  const path = join(runtimeFolder, fileName)
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw distrusted(path, reasonOf(thrown))
  }
  try {
    const found = fstatSync(file)
    const { uid, mode } = found
    if (!found.isFile()) throw distrusted(path, "it is no file")
    if (uid !== process.geteuid?.()) throw distrusted(path, `it belongs to user ${uid}`)
    if ((mode & 0o077) !== 0)
      throw distrusted(path, `its mode is ${(mode & 0o777).toString(8)}, 600 is wanted`)
    const journal = parse(readFileSync(file, "utf8"))
    if (journal === undefined) throw distrusted(path, "it is no journal of this program")
    const opening = readOpeningMark(runtimeFolder)
    if (journal.bootId === bootId()) return opening === undefined ? journal : { ...journal, opening }
  } finally {
    closeSync(file)
  }
  removeJournal(runtimeFolder)
  return undefined
}

/** Shape only: it was written by root, and nobody else could. */
function parse(text: string): Journal | undefined {
  try {
    const value = JSON.parse(text) as Journal
    const { configuration, deadlineMs, closeAgainMs, bornWallMs } = value
    const numbers = [deadlineMs, closeAgainMs, bornWallMs]
    return value.version === 1 && numbers.every(Number.isFinite) && Array.isArray(configuration.secrets)
      ? value
      : undefined
  } catch {
    return undefined // no cause is kept: it would quote the secrets
  }
}

function distrusted(path: string, why: string): Fault {
  return new Fault("configuration", `cannot use the journal ${path}: ${why}`, {
    hint: "look at it, remove it, and arm again",
  })
}
