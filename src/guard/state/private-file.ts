import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs"
import { type Fault, reasonOf } from "../../errors.ts"

/**
 * Reads a file of the runtime folder that is root's alone, mode 0600, and no link.
 * @param distrusted the fault for one that is not, with why
 * @returns undefined when there is none
 * @throws Fault as `distrusted` makes it: the file is left where it is
 */
export function readPrivateFile(path: string, distrusted: (why: string) => Fault): string | undefined {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw distrusted(reasonOf(thrown))
  }
  try {
    const found = fstatSync(file)
    const { uid, mode } = found
    if (!found.isFile()) throw distrusted("it is no file")
    if (uid !== process.geteuid?.()) throw distrusted(`it belongs to user ${uid}`)
    if ((mode & 0o077) !== 0) throw distrusted(`its mode is ${(mode & 0o777).toString(8)}, 600 is wanted`)
    return readFileSync(file, "utf8")
  } finally {
    closeSync(file)
  }
}
