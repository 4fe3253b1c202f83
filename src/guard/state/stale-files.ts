import { readdirSync, rmSync } from "node:fs"
import { join } from "node:path"

/**
 * Takes away what killed guards left in the runtime folder: sockets that nobody listens on, and journals (with their secrets)
 * that were cut off while they were written. To be called by the guard that holds the control socket: nobody else writes a
 * journal, and a socket of another process that is still arming is left to it.
 *
 * @param lives is there such a process?
 */
export function removeLeftovers(runtimeFolder: string, lives: (pid: number) => boolean = processLives): void {
  for (const name of readdirSync(runtimeFolder)) {
    const socketOf = /^control\.(\d+)\.sock(?:\.stale)?$/.exec(name)?.[1]
    const cutOff = /^\.(journal|left)\.json\.\d+\.new$/.test(name)
    if (cutOff || (socketOf !== undefined && !lives(Number(socketOf))))
      rmSync(join(runtimeFolder, name), { recursive: true, force: true })
  }
}

function processLives(pid: number): boolean {
  if (pid === process.pid) return true
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM"
  }
}
