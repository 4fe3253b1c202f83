import { readdirSync, readFileSync, readlinkSync } from "node:fs"

/** Ticks of a second in /proc/PID/stat: USER_HZ, which is 100 for every program on Linux. */
const ticksPerSecond = 100

interface Stat {
  readonly parent: number
  /** Processor time of it and of the children that it has waited for, in milliseconds. */
  readonly cpuMs: number
}

/** What one process holds. */
export interface Weight {
  readonly pid: number
  /** The program, and for an interpreter what it runs: "node guard.js". */
  readonly name: string
  /**
   * Kilobytes: proportional (pages that n processes share count 1/n), private, and resident. Other programs of the same
   * interpreter on this machine make the first smaller; the second does not depend on them.
   */
  readonly pssKb: number
  readonly privateKb: number
  readonly rssKb: number
  readonly descriptors: number
  readonly cpuMs: number
}

/** Reads a file of a process; undefined when the process has gone. */
function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8")
  } catch {
    return undefined
  }
}

function statOf(pid: number): Stat | undefined {
  const text = read(pid, "stat")
  // The name, in parentheses, may hold anything; the fields after it are numbered from 3 (proc_pid_stat(5)).
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ")
  if (fields === undefined) return undefined
  const field = (number: number): number => Number(fields[number - 3])
  const ticks = field(14) + field(15) + field(16) + field(17)
  return { parent: field(4), cpuMs: (ticks * 1000) / ticksPerSecond }
}

/** These processes and all their descendants, wherever those live (a throw-away namespace, say). */
export function withDescendants(roots: readonly number[]): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync("/proc")) {
    const pid = Number(name)
    const parent = Number.isInteger(pid) ? statOf(pid)?.parent : undefined
    if (parent !== undefined) parents.set(pid, parent)
  }
  const found = new Set(roots.filter((pid) => parents.has(pid)))
  for (let before = -1; before !== found.size; ) {
    before = found.size
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid)
  }
  return [...found]
}

/** What a process holds and has used up to now; undefined when it has gone. */
export function weigh(pid: number): Weight | undefined {
  const rollup = read(pid, "smaps_rollup")
  const stat = statOf(pid)
  if (rollup === undefined || stat === undefined) return undefined
  const kb = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1] ?? 0)
  return {
    pid,
    name: nameOf(pid),
    pssKb: kb("Pss"),
    privateKb: kb("Private_Clean") + kb("Private_Dirty"),
    rssKb: kb("Rss"),
    descriptors: descriptors(pid),
    cpuMs: stat.cpuMs,
  }
}

function descriptors(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}

const base = (path: string): string => path.slice(path.lastIndexOf("/") + 1)

function nameOf(pid: number): string {
  const args = (read(pid, "cmdline") ?? "").split("\0")
  const script = args.slice(1).find((argument) => /\.(js|sh|py)$/.test(argument))
  let program = args[0] ?? ""
  try {
    // An alternative or a multi-call binary is told by what it was called as, an interpreter by what it is.
    if (script !== undefined) program = readlinkSync(`/proc/${pid}/exe`)
  } catch {
    // It is ending.
  }
  return [base(program), script === undefined ? "" : base(script)].join(" ").trim()
}
