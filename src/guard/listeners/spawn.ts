import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { Fault } from "../../errors.ts"
import { signalChild } from "../../signal-child.ts"
import { entryPoint } from "../../system/installed-files.ts"
import { armedOptions, cleanEnvironment } from "../../system/process/armed-process.ts"
import { favourBeginner } from "../../system/process/real-time-priority.ts"
import type { SpawnListener } from "./listener-process.ts"

/** The listener's user: its own where the package made one, else nobody; from the text of passwd(5). */
export function listenerUser(passwd?: string): { uid: number; gid: number } {
  const { uid, gid } = namedListenerUser(passwd)
  return { uid, gid }
}

/** The same with its name. */
export function namedListenerUser(passwd = readFileSync("/etc/passwd", "utf8")): {
  name: string
  uid: number
  gid: number
} {
  for (const name of ["fw-watchdog", "nobody"]) {
    const fields = passwd
      .split("\n")
      .map((line) => line.split(":"))
      .find(([user]) => user === name)
    if (fields !== undefined) return { name, uid: Number(fields[2]), gid: Number(fields[3]) }
  }
  return { name: "nobody", uid: 65534, gid: 65534 }
}

/**
 * How setpriv(1) starts the listener. Usually as root with the three capabilities it needs to open its captures and to
 * become somebody else by itself, so that nothing is left in the end. A Node with a libuv of the system's (Debian's own
 * package) refuses setuid(2), fearing io_uring: there the listener starts as the other user with CAP_NET_RAW, and keeps it.
 */
export function setprivArguments(user: { uid: number; gid: number }, refusesSetuid: boolean): string[] {
  if (!refusesSetuid)
    return ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all,+net_raw,+setuid,+setgid", "--"]
  return [
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    "--clear-groups",
    "--no-new-privs",
    "--inh-caps=-all,+net_raw",
    "--ambient-caps=-all,+net_raw",
    "--bounding-set=-all,+net_raw",
    "--",
  ]
}

/** True where this Node refuses to give up root by itself; see src/node_credentials.cc, and libuv's own io_uring check. */
const nodeRefusesSetuid =
  (process.config.variables as { node_shared_libuv?: unknown }).node_shared_libuv === true

/**
 * Starts one listener with pipes on its standard input and output, without privileges to gain and with few to lose.
 * @throws Fault `missing` without setpriv(1).
 */
export function spawnListener(): ChildProcess {
  const setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].find((path) => existsSync(path))
  if (setpriv === undefined)
    throw new Fault("missing", "setpriv is not on this machine, the listener cannot give up its privileges", {
      hint: "apt-get install util-linux",
    })
  const options = setprivArguments(listenerUser(), nodeRefusesSetuid)
  const program = entryPoint("listener")
  const child = spawn(setpriv, [...options, process.execPath, ...armedOptions, program], {
    cwd: "/",
    stdio: ["pipe", "pipe", "pipe"],
    env: cleanEnvironment({}),
  })
  if (child.pid !== undefined) favourBeginner(child.pid) // until it has begun: nobody hears meanwhile
  return child
}

/**
 * Starts a first listener at once, for whoever asks for one first: its program loads while the guard is still arming. It
 * hears nothing before it is told what.
 * @param start starts one
 * @returns starts one, or hands out the first; and ends that one if nobody has asked for it
 */
export function startFirst(start: SpawnListener): { readonly spawn: SpawnListener; close(): void } {
  let first = attempted(start)
  first?.once("error", () => {})
  return {
    spawn() {
      const begun = first
      first = undefined
      const lives = begun?.pid !== undefined && begun.exitCode === null && begun.signalCode === null
      return lives ? begun : start()
    },
    close() {
      if (first !== undefined) signalChild(first, "SIGKILL")
    },
  }
}

/** Undefined where none can be started: whoever asks for it starts another, and is told why. */
function attempted(start: SpawnListener): ChildProcess | undefined {
  try {
    return start()
  } catch {
    return undefined
  }
}
