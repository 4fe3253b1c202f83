import { accessSync, constants } from "node:fs"

const folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"]

/** The absolute path of a program, or undefined; PATH is never asked. */
export function findProgram(name: string): string | undefined {
  for (const folder of folders) {
    const path = `${folder}/${name}`
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}
