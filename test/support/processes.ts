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
  /** Kilobytes in proportion: a page that n processes of this machine share counts 1/n. */
  readonly pssKb: number
  /** Kilobytes that nobody shares. */
  readonly privateKb: number
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

/** What these processes have used up to now, with the children that they have waited for, in milliseconds. */
export const processorTime = (pids: readonly number[]): number =>
  pids.reduce((total, pid) => total + (statOf(pid)?.cpuMs ?? 0), 0)

/** What a process holds and has used up to now; undefined when it has gone. */
export function weigh(pid: number): Weight | undefined {
  const rollup = read(pid, "smaps_rollup")
  const stat = statOf(pid)
  if (rollup === undefined || stat === undefined) return undefined
  return {
    pid,
    name: nameOf(pid),
    pssKb: kb(rollup, "Pss"),
    privateKb: kb(rollup, "Private_Clean") + kb(rollup, "Private_Dirty"),
    descriptors: descriptors(pid),
    cpuMs: stat.cpuMs,
  }
}

/**
 * What these processes would weigh together were they alone on the machine, in kilobytes: their own pages, and what they
 * have in memory of each file once. A proportional figure is smaller where others run the same interpreter (this program
 * does), so it says as much about the machine as about them.
 */
export function weightAlone(pids: readonly number[]): number {
  const files = new Map<string, number>()
  let own = 0
  // Each mapping begins with "ADDRESSES PERMISSIONS OFFSET DEVICE INODE [PATH]", see proc_pid_smaps(5).
  for (const pid of pids)
    for (const mapping of (read(pid, "smaps") ?? "").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
      const [, , offset, device, inode] = mapping.split(/\s+/, 5)
      const anonymous = kb(mapping, "Anonymous")
      const ofFile = kb(mapping, "Rss") - anonymous
      const file = `${device} ${inode} ${offset}`
      own += anonymous
      files.set(file, Math.max(files.get(file) ?? 0, ofFile))
    }
  return own + [...files.values()].reduce((sum, size) => sum + size, 0)
}

/** A field of smaps or smaps_rollup. */
const kb = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0)

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
