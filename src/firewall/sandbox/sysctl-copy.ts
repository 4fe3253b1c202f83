import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, readSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"

/** Looking into it mounts a filesystem. */
const leftOut = new Set(["fs/binfmt_misc"])

/**
 * Copies the tree of sysctls as plain files: a script in the copy reads and writes them as it would here, and nothing
 * that it writes reaches the kernel. What cannot be read is empty.
 */
export function copySysctls(from: string, to: string): void {
  // The modes are those of the machine, whatever this process takes off those of its files.
  const umask = process.umask(0)
  try {
    copyFolder(from, to, from)
  } finally {
    process.umask(umask)
  }
}

function copyFolder(from: string, to: string, top: string): void {
  for (const name of readdirSync(from)) {
    const path = join(from, name)
    if (leftOut.has(relative(top, path))) continue
    try {
      const stat = lstatSync(path)
      if (stat.isDirectory()) {
        mkdirSync(join(to, name), 0o755)
        copyFolder(path, join(to, name), top)
      } else {
        writeFileSync(join(to, name), readable(path), { mode: stat.mode & 0o777 })
      }
    } catch {
      // An interface went away in between.
    }
  }
}

/** One buffer for all: there are more than a thousand files of a few bytes each. */
const buffer = Buffer.alloc(64 * 1024)

function readable(path: string): string {
  let text = ""
  let file: number | undefined
  try {
    file = openSync(path, "r")
    for (let size = readSync(file, buffer); size > 0; size = readSync(file, buffer))
      text += buffer.toString("latin1", 0, size)
  } catch {
    // What cannot be read is empty.
  }
  if (file !== undefined) closeSync(file)
  return text
}

/**
 * The sysctls of a copy that were written after a moment (milliseconds of Date), with another value than the machine's:
 * "net.ipv4.ip_forward = 1".
 */
export function changedSysctls(copy: string, sinceMs: number, machine = "/proc/sys", top = copy): string[] {
  return readdirSync(copy, { withFileTypes: true }).flatMap((entry) => {
    const path = join(copy, entry.name)
    if (entry.isDirectory()) return changedSysctls(path, sinceMs, join(machine, entry.name), top)
    if (lstatSync(path).mtimeMs <= sinceMs) return []
    const text = readable(path)
    // The kernel's own text has tabs where a script writes blanks.
    const words = (value: string): string => value.trim().split(/\s+/).join(" ")
    if (words(text) === words(readable(join(machine, entry.name)))) return []
    return [`${relative(top, path).replaceAll("/", ".")} = ${words(text)}`]
  })
}
