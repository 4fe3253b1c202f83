import { lstatSync, realpathSync, statSync } from "node:fs"
import { dirname } from "node:path"

/** Who called sudo(8), by the numbers that it leaves in the environment. */
interface SudoCaller {
  readonly uid: number
  readonly gid: number
}

/** Undefined for whoever is not root by sudo. Nobody but root could make use of lying in SUDO_UID. */
function sudoCaller(): SudoCaller | undefined {
  const [uid, gid] = [process.env.SUDO_UID, process.env.SUDO_GID].map((text) =>
    /^[0-9]+$/.test(text ?? "") ? Number(text) : undefined,
  )
  return process.geteuid?.() === 0 && uid && gid !== undefined ? { uid, gid } : undefined
}

/**
 * Calls `act`, which does something with a path: as who called sudo where it lies below a folder of his, else as this process. What is made
 * there is then his, and a link leads nowhere that he could not go himself.
 */
export function asOwner<T>(path: string, act: () => T): T {
  const caller = sudoCaller()
  return caller !== undefined && isBelowFolderOf(caller.uid, path) ? asSudoCaller(caller, act) : act()
}

function isBelowFolderOf(uid: number, path: string): boolean {
  const folder = dirname(path)
  if (folder !== path && isBelowFolderOf(uid, folder)) return true
  return lstatSync(path, { throwIfNoEntry: false })?.uid === uid
}

/** As quickly as it goes: meanwhile the whole process is not root. */
function asSudoCaller<T>(caller: SudoCaller, act: () => T): T {
  process.setegid?.(caller.gid)
  process.seteuid?.(caller.uid)
  try {
    return act()
  } finally {
    process.seteuid?.(0)
    process.setegid?.(0)
  }
}

/**
 * The home of who called sudo, as the system's database of users has it: HOME is root's by now.
 * @returns undefined for whoever is not root by sudo, and where that user has no home of his own
 */
export async function sudoCallerHome(): Promise<string | undefined> {
  const caller = sudoCaller()
  if (caller === undefined) return undefined
  const { userInfo } = await import("node:os")
  try {
    const home = realpathSync(asSudoCaller(caller, () => userInfo().homedir)) // of the effective user: libuv, uv_os_get_passwd
    return statSync(home).uid === caller.uid ? home : undefined
  } catch {
    return undefined
  }
}
