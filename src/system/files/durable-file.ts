import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs"
import { type FileHandle, open, rename, unlink } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { Fault, type FaultCode, reasonOf } from "../../errors.ts"

/**
 * Writes a file so that after a crash there is the old one or the new one, whole: beside it, fsync, rename, fsync of
 * the folder. Mode 0600.
 * @throws Fault `missing` when the disk is full, read-only or gone, `permission` when it may not
 */
export function writeDurably(path: string, text: string): void {
  const beside = besideOf(path)
  try {
    writeAndSync(beside, text)
    renameSync(beside, path)
    syncFolder(dirname(path))
  } catch (cause) {
    try {
      unlinkSync(beside)
    } catch {
      // It was not made, or has its name already.
    }
    throw fileFault(`cannot write ${path}`, cause)
  }
}

/**
 * The same behind the event loop's back: a disk that hangs keeps the caller waiting and nobody else.
 * @throws Fault as {@link writeDurably}
 */
export async function writeDurablyBehind(path: string, text: string): Promise<void> {
  const beside = besideOf(path)
  try {
    await syncedAndClosed(await open(beside, "wx", 0o600), (file) => file.writeFile(text))
    await rename(beside, path)
    await syncedAndClosed(await open(dirname(path), "r"))
  } catch (cause) {
    await unlink(beside).catch(() => {}) // it was not made, or has its name already
    throw fileFault(`cannot write ${path}`, cause)
  }
}

async function syncedAndClosed(
  file: FileHandle,
  before: (file: FileHandle) => Promise<void> = async () => {},
): Promise<void> {
  try {
    await before(file)
    await file.sync()
  } finally {
    await file.close()
  }
}

const besideOf = (path: string): string => join(dirname(path), `.${basename(path)}.${process.pid}.new`)

/**
 * Makes a folder and its parents, each 0700, where they are missing. (`mkdirSync` with `recursive` never returns when
 * a file system refuses with ENOENT, as /proc does: node 20.)
 * @throws Fault as {@link writeDurably}
 */
export function makeFolder(path: string): void {
  try {
    makeWithParents(path)
  } catch (cause) {
    throw fileFault(`cannot make folder ${path}`, cause)
  }
}

function makeWithParents(path: string): void {
  // mkdir(2) waits for a disk that hangs even when there is nothing to make; looking does not.
  if (existsSync(path)) return
  try {
    mkdirSync(path, 0o700)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === "EEXIST") return
    if (code !== "ENOENT" || dirname(path) === path || existsSync(dirname(path))) throw cause
    makeWithParents(dirname(path))
    mkdirSync(path, 0o700)
  }
}

/** Writes a file that is not there yet, mode 0600, neither over one nor through a link, to the disk. @throws as open(2) */
export function writeAndSync(path: string, text: string): void {
  const file = openSync(path, "wx", 0o600)
  try {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Makes the names in a folder outlive a crash. @throws as open(2) */
export function syncFolder(path: string): void {
  const folder = openSync(path, "r")
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** A failed file operation as a fault with the right code. */
export function fileFault(action: string, cause: unknown): Fault {
  const code = (cause as NodeJS.ErrnoException).code ?? ""
  const kind: FaultCode = code === "EACCES" || code === "EPERM" ? "permission" : "missing"
  return new Fault(kind, `${action}: ${reasonOf(cause)}`, { cause })
}
