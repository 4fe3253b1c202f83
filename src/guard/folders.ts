import { chmodSync, lstatSync, mkdirSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import { Fault, reasonOf } from "../errors.ts"

/** Where a session keeps what it must. Both folders are root's, mode 0700. */
export interface Folders {
  /** tmpfs: the control socket, the log of this boot, and later the journal with its keys. */
  readonly runtime: string
  /** What has to survive a reboot: snapshots. Never keys. */
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
  const first = read("/proc/1/ns/net")
  const own = read("/proc/self/ns/net")
  const inode = /\[(\d+)\]/.exec(own ?? "")?.[1]
  const below = own === undefined || inode === undefined || own === first ? "" : inode
  return {
    runtime: join(environment.RUNTIME_DIRECTORY || "/run/fw-watchdog", below),
    state: join(environment.STATE_DIRECTORY || "/var/lib/fw-watchdog", below),
  }
}

/** Does this process live in the network namespace of process 1? */
export function inFirstNamespace(read: ReadNamespace = readNamespace): boolean {
  const own = read("/proc/self/ns/net")
  return own !== undefined && own === read("/proc/1/ns/net")
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
