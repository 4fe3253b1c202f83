import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Fault } from "../errors.ts"
import { cleanEnvironment } from "./launch.ts"

/** The listener's user: its own where the package made one, else nobody; from the text of passwd(5). */
export function listenerUser(passwd = readFileSync("/etc/passwd", "utf8")): { uid: number; gid: number } {
  for (const name of ["fw-watchdog", "nobody"]) {
    const fields = passwd
      .split("\n")
      .map((line) => line.split(":"))
      .find(([user]) => user === name)
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) }
  }
  return { uid: 65534, gid: 65534 }
}

/** What the listener needs to begin, and nothing that a program it could start would inherit; see capabilities(7). */
const setprivOptions = [
  "--no-new-privs",
  "--inh-caps=-all",
  "--bounding-set=-all,+net_raw,+setuid,+setgid",
  "--",
]

/**
 * Starts one listener with pipes on its standard input and output, without privileges to gain and with three to lose.
 * @throws Fault `missing` without setpriv(1).
 */
export function spawnListener(): ChildProcess {
  const setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].find((path) => existsSync(path))
  if (setpriv === undefined)
    throw new Fault("missing", "setpriv is not on this machine, the listener cannot give up its privileges", {
      hint: "apt-get install util-linux",
    })
  const program = fileURLToPath(new URL("../bin/listener.js", import.meta.url))
  return spawn(setpriv, [...setprivOptions, process.execPath, program], {
    cwd: "/",
    stdio: ["pipe", "pipe", "pipe"],
    env: cleanEnvironment({}),
  })
}
