import { readdirSync, readFileSync, statSync } from "node:fs"

/** The kernel notes the use of a terminal to eight seconds, lest its timing be read off (tty_io.c, tty_update_time); milliseconds. */
const graceMs = 8000
/** Pseudo-terminals, and consoles that people sit at. */
const folders = [
  { path: "/dev/pts", prefix: "pts/", names: /^\d+$/ },
  { path: "/dev", prefix: "", names: /^(tty[1-9]\d*|ttyS\d+|hvc\d+)$/ },
] as const

/**
 * The terminals that somebody typed on since a moment, as `pts/0 (root)`, by the time at which they were last read from: what w(1)
 * shows as idle. Up to eight seconds more are taken in. Empty where no terminal can be seen.
 * @param sinceMs ms since 1970
 */
export function terminalsInUse(sinceMs: number): string[] {
  return folders.flatMap(({ path, prefix, names }) =>
    listed(path)
      .filter((name) => names.test(name))
      .flatMap((name) => {
        const found = statSync(`${path}/${name}`, { throwIfNoEntry: false })
        if (found === undefined || !found.isCharacterDevice() || found.atimeMs < sinceMs - graceMs) return []
        return [`${prefix}${name} (${userName(found.uid)})`]
      }),
  )
}

function listed(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function userName(uid: number): string {
  try {
    const lines = readFileSync("/etc/passwd", "utf8").split("\n")
    return lines.map((line) => line.split(":")).find(([, , id]) => Number(id) === uid)?.[0] ?? `uid ${uid}`
  } catch {
    return `uid ${uid}`
  }
}
