import { existsSync, lstatSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { type FileCopy, ownFolder } from "./file-copy.ts"

/**
 * The files of a copy that were written, made or removed there: what the upper layers of its overlays hold, and what is
 * new in its /run. Sorted; a removed one says so, a new folder ends in a slash.
 */
export function writtenFiles(copy: FileCopy): string[] {
  const layers = copy.layers.flatMap(({ mountedAt, path }) => walk(path, mountedAt === "/" ? "" : mountedAt))
  const run = walk(join(copy.root, "run"), "/run", ownFolder).filter((path) => !isOurs(path))
  return [...layers, ...run].sort()
}

function isOurs(path: string): boolean {
  return path === "/run/lock/" || /^\/run\/xtables\.lock$/.test(path)
}

/** @param except a folder that is not looked into, as it is shown */
function walk(folder: string, shown: string, except?: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = `${shown}/${name}`
    if (path === except) return []
    const stat = lstatSync(join(folder, name))
    // Every folder on the way to a written file is in the upper layer too.
    if (stat.isDirectory()) {
      const made = existsSync(path) ? [] : [`${path}/`]
      return [...made, ...walk(join(folder, name), path, except)]
    }
    // overlayfs.rst, "whiteouts and opaque directories": a character device 0/0 stands for a removed file.
    return stat.isCharacterDevice() && stat.rdev === 0 ? [`${path} (removed)`] : [path]
  })
}
