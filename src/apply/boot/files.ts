import { createHash } from "node:crypto"
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { fileFault } from "../../system/files/durable-file.ts"

const mark = "# Written by fw-apply --save; sha256 of what follows:"

/** A file that says who wrote it and whether it has been edited since: a first line for its loader, a mark, the text. */
export function markedText(first: string, text: string): string {
  return `${first}${mark} ${digestOf(text)}\n${text}`
}

/** Tells whether a text is exactly as fw-apply wrote it. */
export function isUnedited(text: string): boolean {
  const at = text.indexOf(mark)
  const end = text.indexOf("\n", at)
  return at >= 0 && end >= 0 && text.slice(at + mark.length, end).trim() === digestOf(text.slice(end + 1))
}

/** Tells whether fw-apply wrote a text, edited since or not. */
export function isMarked(text: string): boolean {
  return text.includes(mark)
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}

/**
 * Tells whether a file for nft holds no rule and no decision: it is empty, or the skeleton that Debian ships (tables with
 * base chains that accept).
 */
export function isSkeleton(text: string): boolean {
  const rest = text
    .replace(/^#!.*\n/, "")
    .replace(/\bflush ruleset\b/, "")
    .replace(/\btype filter hook \w+ priority \S+?;(\s*policy accept;)?/g, "")
    .replace(/\bchain \w+ \{\s*\}/g, "")
    .replace(/\btable inet filter \{\s*\}/g, "")
  return rest.trim() === ""
}

/**
 * Replaces a file so that after a crash there is the old one or the new one, whole; its mode and owner stay, a link goes
 * on leading to it.
 * @param fresh the mode of a file that was not there
 * @throws Fault `permission` or `missing` when it cannot be written
 */
export function replaceFile(path: string, text: string, fresh: number): void {
  let beside: string | undefined
  try {
    const target = targetOf(path)
    const was = statSync(target, { throwIfNoEntry: false })
    beside = `${target}.${process.pid}.new`
    const file = openSync(beside, "wx", 0o600)
    try {
      writeFileSync(file, text)
      if (was !== undefined) fchownSync(file, was.uid, was.gid)
      fchmodSync(file, was === undefined ? fresh : was.mode & 0o7777)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(beside, target)
    beside = undefined
    syncFolder(dirname(target))
  } catch (cause) {
    if (beside !== undefined) rmSync(beside, { force: true })
    throw fileFault(`cannot write ${path}`, cause)
  }
}

function targetOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return join(realpathSync(dirname(path)), path.slice(dirname(path).length + 1))
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r")
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
