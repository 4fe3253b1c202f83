import { accessSync, chmodSync, constants, lstatSync, mkdirSync, readlinkSync, statSync } from "node:fs"
import { join } from "node:path"
import { Fault, reasonOf } from "../../errors.ts"

/** Where a session keeps what it must. Both folders are root's, mode 0700. */
export interface Folders {
  /** tmpfs: the control socket, the log of this boot, and later the journal with its keys. */
  readonly runtime: string
  /** Holds what has to survive a reboot: snapshots. Never keys. */
  readonly state: string
}

/** The link target of a namespace file: `net:[4026531840]`. Passed in for tests. */
export type ReadNamespace = (path: string) => string | undefined

const readNamespace: ReadNamespace = (path) => {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

/**
 * The folders of this network namespace: `$RUNTIME_DIRECTORY` and `$STATE_DIRECTORY` as systemd.exec(5) sets them, else
 * /run/fw-watchdog and /var/lib/fw-watchdog; outside the first network namespace (the one process 1 lives in) in a
 * folder named by the namespace's inode, since there is one session a namespace. Nothing is created.
 */
export function foldersFor(
  environment: Readonly<Record<string, string | undefined>>,
  read: ReadNamespace = readNamespace,
): Folders {
  const inode = /\[(\d+)\]/.exec(read("/proc/self/ns/net") ?? "")?.[1]
  const below = inode === undefined || inFirstNamespace(read) ? "" : inode
  return {
    runtime: join(environment.RUNTIME_DIRECTORY || "/run/fw-watchdog", below),
    state: join(environment.STATE_DIRECTORY || "/var/lib/fw-watchdog", below),
  }
}

/**
 * Tells whether this process lives in the network namespace of process 1. Its link is for who could trace that process, which a
 * sandboxed guard cannot; its /proc/1/net is for everybody. Each namespace has files of its own there, and so inodes
 * (fs/proc/proc_net.c, proc_alloc_inum).
 */
export function inFirstNamespace(read: ReadNamespace = readNamespace): boolean {
  const [first, own] = [read("/proc/1/ns/net"), read("/proc/self/ns/net")]
  if (first !== undefined) return own === first
  const [firstFile, ownFile] = [inodeOf("/proc/1/net/dev"), inodeOf("/proc/self/net/dev")]
  return ownFile !== undefined && ownFile === firstFile
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino
  } catch {
    return undefined
  }
}

/**
 * Makes a folder of mode 0700 if it is not there, and refuses one that somebody else could write to.
 * @throws Fault `configuration` when it belongs to another user or is no folder; `state-unknown` never.
 */
export function preparePrivateFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const found = lstatSync(path)
    if (!found.isDirectory() || found.uid !== process.geteuid?.())
      throw new Fault("configuration", `cannot use "${path}": it must be a folder that belongs to root`, {
        hint: `look at \`ls -ld ${path}\`, move it away, and arm again`,
      })
    if ((found.mode & 0o077) !== 0) chmodSync(path, 0o700)
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown
    throw new Fault("configuration", `cannot make the folder "${path}": ${reasonOf(thrown)}`)
  }
}

/** A full or read-only disk is no reason not to arm: then snapshots and events live until the next boot. */
export function usableStateFolder(folders: Folders, notes: string[]): string {
  try {
    preparePrivateFolder(folders.state)
    accessSync(folders.state, constants.W_OK) // EROFS, for root too
    return folders.state
  } catch (thrown) {
    notes.push(`${reasonOf(thrown)}; snapshots and events are kept in ${folders.runtime} until the next boot`)
    return folders.runtime
  }
}
