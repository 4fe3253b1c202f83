import { existsSync, lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const prefix = "fw-watchdog-scratch-"

/**
 * A folder of this process's own (0700) for one task, removed when the task ends. A process that was killed leaves its
 * folder behind; the next one to ask takes those of dead processes away.
 * @param parent where it goes; the system's temporary folder unless told
 */
export async function withScratchFolder<T>(
  task: (folder: string) => Promise<T>,
  parent: string = tmpdir(),
): Promise<T> {
  removeOrphans(parent)
  const folder = mkdtempSync(join(parent, `${prefix}${process.pid}.${pidNamespace()}-`))
  try {
    return await task(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The inode of our pid namespace, pid_namespaces(7); the number of a process means nothing in another. */
function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0"
  } catch {
    return "0"
  }
}

function removeOrphans(parent: string): void {
  const own = pidNamespace()
  for (const name of readdirSync(parent)) {
    const [, pid, namespace] = name.startsWith(prefix)
      ? (/^(\d+)\.(\d+)-/.exec(name.slice(prefix.length)) ?? [])
      : []
    // A container may share the folder: who lives there cannot be seen from here.
    if (pid === undefined || namespace !== own || existsSync(`/proc/${pid}`)) continue
    const path = join(parent, name)
    try {
      // Anybody may make names in /tmp: only real folders of our own user are ours.
      const stat = lstatSync(path)
      if (stat.isDirectory() && stat.uid === process.geteuid?.())
        rmSync(path, { recursive: true, force: true })
    } catch {
      // Somebody else was faster.
    }
  }
}
