import { closeSync, readdirSync, readFileSync } from "node:fs"

/** O_CLOEXEC as /proc/PID/fdinfo shows it, in octal; proc(5). */
const closeOnExec = 0o2000000

/**
 * Closes every descriptor above standard error that came from whoever started this process: a lock that a script holds, a
 * file that a shell has open. All that Node opened itself is close-on-exec, and what is not was inherited. To be called
 * before anything native is loaded: libpcap's sockets are not close-on-exec either.
 * @param kept one that was handed over on purpose
 */
export function closeInheritedDescriptors(kept?: number): void {
  for (const name of list("/proc/self/fd")) {
    const descriptor = Number(name)
    if (descriptor <= 2 || descriptor === kept) continue
    try {
      const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, "utf8"))?.[1]
      if (flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) === 0) closeSync(descriptor)
    } catch {
      // The one that listed the folder is gone already.
    }
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
