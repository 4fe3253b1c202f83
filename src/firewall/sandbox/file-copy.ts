import { closeSync, existsSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Fault } from "../../errors.ts"
import { findProgram } from "../../system/process/find-program.ts"
import type { RunCommand } from "../../system/process/run-command.ts"
import type { SystemTools } from "../../system/process/system-tools.ts"
import { type Mount, mountsToCopy, overlayOptions, parseMountInfo } from "./mounts.ts"
import { type Apart, enterArguments, type Namespace, type NamespaceDeps, openNamespace } from "./namespace.ts"
import { copySysctls } from "./sysctl-copy.ts"

/** The further namespaces of a copy: through each of them a script could reach the machine. */
const apart: readonly Apart[] = ["mount", "pid", "ipc", "uts"]

/** A file that stands in the copy in place of the machine's, by its absolute path. */
export interface Replacement {
  readonly path: string
  readonly text: string
  /** 0755 unless told. */
  readonly mode?: number
}

/** A copy of the machine's files, in namespaces of its own; what is written there vanishes with it. */
export interface FileCopy extends Namespace {
  /** The arguments of nsenter(1) that enter the copy. */
  readonly enter: readonly string[]
  /** Runs a command in the copy, with the files and process ids of the copy. */
  readonly runInside: RunCommand
  /** A folder for files of our own: seen as {@link ownFolder} inside, and under this path out here. */
  readonly own: string
  /** The layers that hold what was written: where they lie in the copy, and their path out here. */
  readonly layers: readonly { readonly mountedAt: string; readonly path: string }[]
  /** Its whole tree, as a path out here. */
  readonly root: string
  /** Mounts that are not in the copy, or only to be read, and why. */
  readonly left: readonly string[]
}

/** The folder of our own files in the copy. */
export const ownFolder = "/run/fw-watchdog-rehearsal"

/** In the copy, the machine's own folders that hold a replaced file, each under its path, as they are out here. */
export const behindFolder = `${ownFolder}/behind`

/**
 * Makes a copy of this machine's files: every real filesystem under an overlay whose upper layer is a tmpfs (mount(8),
 * "overlay"), a /proc, /sys, /dev and /run of its own, and sysctls that are plain files.
 * @param folder an empty folder of the caller's, for the copy to be mounted on; nothing is ever mounted out here
 * @throws Fault when the kernel refuses any of it
 */
export async function openFileCopy(
  deps: NamespaceDeps,
  folder: string,
  replacements: readonly Replacement[],
): Promise<FileCopy> {
  const namespace = await openNamespace(deps, apart)
  let held: number | undefined
  const close = async (): Promise<void> => {
    await namespace.close()
    if (held !== undefined) closeSync(held)
    held = undefined
  }
  try {
    const enter = enterArguments(namespace, apart)
    const runInside = insideOf(deps, enter)
    const shell = async (script: string): Promise<void> => await mustRun(runInside, deps.system, script)
    const mount = program("mount")
    await shell(`${mount} -t tmpfs -o mode=755,size=50% fw-rehearsal '${folder}'`)
    // Through the holder's root: out here the folder stays empty.
    const outside = join(`/proc/${namespace.pid}/root`, folder)
    held = openSync(outside, "r")
    const tree = `/proc/self/fd/${held}`
    for (const name of ["own", "root", "sysctl", "dev"]) mkdirSync(join(tree, name))
    for (const replacement of replacements) writeReplacement(join(tree, "over"), replacement)
    const mounts = mountsToCopy(parseMountInfo(readFileSync("/proc/self/mountinfo", "utf8")), folder)
    for (const [index] of mounts.entries())
      for (const part of ["upper", "work"]) mkdirSync(join(tree, `${part}${index}`), { recursive: true })
    const mounted = shell(mountScript(folder, mounts, replacements, mount))
    mounted.catch(() => {})
    // Beside the mounts: the folder is bound into the tree, and may be filled later.
    copySysctls("/proc/sys", join(tree, "sysctl"))
    await mounted
    // A mount that has gone since is no loss.
    const left = readFileSync(join(tree, "own/left"), "utf8")
      .split("\n")
      .filter((at) => at !== "" && existsSync(at))
      .map((at) => `${at} is another filesystem, and not in the copy`)
    return {
      ...namespace,
      enter,
      runInside,
      own: join(tree, "own"),
      root: `/proc/${namespace.pid}/root`,
      layers: mounts.map(({ at }, index) => ({ mountedAt: at, path: join(tree, `upper${index}`) })),
      left,
      close,
    }
  } catch (thrown) {
    await close()
    throw thrown
  }
}

function insideOf(deps: NamespaceDeps, enter: readonly string[]): RunCommand {
  const { setpriv, nsenter } = deps.system
  return async (request) => {
    const args = ["--pdeathsig", "KILL", nsenter, ...enter, request.path, ...request.args]
    const result = await deps.runHere({ ...request, path: setpriv, args })
    return { ...result, path: request.path, args: request.args }
  }
}

async function mustRun(run: RunCommand, system: SystemTools, script: string): Promise<void> {
  const done = await run({ path: system.sh, args: ["-e", "-s"], input: script, timeoutMs: 60_000 })
  if (done.ok) return
  throw new Fault("missing", `cannot copy this machine's files: ${done.stderr.trim() || done.startError}`, {
    hint: "a kernel with overlayfs is wanted, and root that may mount",
  })
}

function program(name: string): string {
  const path = findProgram(name)
  if (path === undefined) throw new Fault("missing", `cannot find ${name}`, { hint: "install util-linux" })
  return path
}

function writeReplacement(over: string, { path, text, mode = 0o755 }: Replacement): void {
  mkdirSync(join(over, dirname(path)), { recursive: true, mode: 0o755 })
  writeFileSync(join(over, path), text, { mode })
}

/** The shell script that makes the tree and moves the copy's root to it. */
function mountScript(
  folder: string,
  mounts: readonly Mount[],
  replacements: readonly Replacement[],
  mount: string,
): string {
  const root = `${folder}/root`
  const lines: string[] = [`left() { echo "$1" >>'${folder}/own/left'; }`, `: >'${folder}/own/left'`]
  for (const [index, one] of mounts.entries()) {
    const to = quoted(one.at === "/" ? root : root + one.at)
    const over = replacements.some(({ path }) => one.at === "/" || path.startsWith(`${one.at}/`))
      ? [`${folder}/over${one.at === "/" ? "" : one.at}`]
      : []
    const options = overlayOptions([...over, one.at], `${folder}/upper${index}`, `${folder}/work${index}`)
    const overlay = `${mount} -t overlay -o ${quoted(options)} fw-rehearsal ${to}`
    const bind = `${mount} --bind ${quoted(one.at)} ${to} 2>&1 && ${mount} -o remount,bind,ro ${to} 2>&1`
    const fallback = `why=$(${bind}) || left ${quoted(one.at)}`
    if (one.at === "/") lines.push(overlay)
    else lines.push(one.overlay ? `${overlay} 2>/dev/null || { ${fallback}; }` : fallback)
  }
  const behind = [...new Set(replacements.map(({ path }) => dirname(path)))].map((from) => {
    const to = `${folder}/own/behind${from}`
    return `mkdir -p '${to}'; ${mount} --bind '${from}' '${to}'; ${mount} -o remount,bind,ro '${to}'`
  })
  return `${[
    ...lines,
    ...behind,
    `cd '${root}'`,
    `${mount} -t proc -o nosuid,nodev,noexec proc proc`,
    ...procLines(mount),
    `${mount} --bind '${folder}/sysctl' proc/sys`,
    `${mount} -t sysfs -o ro sysfs sys`,
    ...devLines(folder, mount),
    `${mount} -t tmpfs -o mode=755 run run`,
    `mkdir -p run/lock .${ownFolder} run/.before`,
    `${mount} --rbind '${folder}/own' .${ownFolder}`,
    `${program("pivot_root")} . run/.before`,
    `cd /`,
    `${program("umount")} -l run/.before`,
    `rmdir run/.before`,
  ].join("\n")}\n`
}

/**
 * Everything in /proc that is not of a process is the machine's own, in any namespace: to be read only, as in a container, and
 * what shows its memory and keys not at all. Written to, it would act on the machine (proc(5)).
 */
function procLines(mount: string): string[] {
  return [
    // Whatever may be written there, by this kernel's own word.
    `for f in $(${program("find")} proc -mindepth 1 -maxdepth 1 ! -name '[0-9]*' ! -type l \\( -type d -o -perm /222 \\) ! -name sys); do`,
    `${mount} --bind -o ro "$f" "$f"; done`,
    `for f in kcore keys key-users kmsg sched_debug timer_list; do [ ! -e proc/$f ] || ${mount} --bind /dev/null proc/$f; done`,
  ]
}

/** Only what gives and takes bytes: no disk, no memory, no terminal of anybody. */
function devLines(folder: string, mount: string): string[] {
  const dev = `${folder}/dev`
  const nodes = ["null", "zero", "full", "random", "urandom", "tty"]
  return [
    `${mount} --bind '${dev}' dev`,
    ...nodes.map((name) => `: >dev/${name}; ${mount} --bind /dev/${name} dev/${name}`),
    "mkdir dev/pts dev/shm",
    `${mount} -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts`,
    `${mount} -t tmpfs -o mode=1777 shm dev/shm`,
    "ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd",
    "ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr",
  ]
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

/** Makes a link among our own files of a copy. */
export function linkOwn(copy: FileCopy, name: string, target: string): void {
  mkdirSync(dirname(join(copy.own, name)), { recursive: true })
  symlinkSync(target, join(copy.own, name))
}
