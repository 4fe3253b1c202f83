import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { findSshConnection } from "../../system/network/ssh-connection.ts"
import { type Connection, connectionKey, plainAddress } from "../../wire/tcp-connection.ts"
import type { Login } from "../machine/event.ts"

/** Looks at processes: proc(5). Passed in for tests. */
export interface LookAtProcess {
  /** "sshd", and everything of /proc/PID/stat behind it: parent first but one. */
  stat(pid: number): { readonly name: string; readonly parent: number; readonly terminal: number } | undefined
  /** Inodes of the sockets that it holds. */
  sockets(pid: number): readonly number[]
  environment(pid: number): string | undefined
}

/** Ancestors that are looked at; a login is never deeper. */
const deepest = 32
/** Servers whose connection is the login itself; OpenSSH 9.8 and later name it sshd-session. */
const loginServer = /^(sshd|dropbear)/

export const processesOfThisMachine: LookAtProcess = {
  stat(pid) {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, "latin1")
      // proc(5): the name in parentheses may hold anything, so fields are counted behind its last one.
      const end = text.lastIndexOf(")")
      const [, parent, , , terminal] = text.slice(end + 2).split(" ")
      return {
        name: text.slice(text.indexOf("(") + 1, end),
        parent: Number(parent),
        terminal: Number(terminal),
      }
    } catch {
      return undefined
    }
  },
  sockets(pid) {
    try {
      return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
        const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1]
        return inode === undefined ? [] : [Number(inode)]
      })
    } catch {
      return []
    }
  },
  environment(pid) {
    try {
      return readFileSync(`/proc/${pid}/environ`, "latin1")
    } catch {
      return undefined
    }
  },
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return "" // closed meanwhile
  }
}

/**
 * How a process came in: the connection that the nearest sshd above it holds, else the SSH_CONNECTION that it or
 * the nearest ancestor has, else its terminal. Nothing of it is the process's own word but its id.
 */
export function loginOf(pid: number, connections: readonly Connection[], look: LookAtProcess): Login {
  const byInode = new Map(connections.map((one) => [one.inode, connectionKey(one)]))
  for (const ancestor of ancestorsOf(pid, look)) {
    if (!loginServer.test(look.stat(ancestor)?.name ?? "")) continue
    const keys = look.sockets(ancestor).flatMap((inode) => byInode.get(inode) ?? [])
    if (keys.length > 0) return { kind: "ssh", keys: [...new Set(keys)] }
  }
  const told = findSshConnection({}, pid, (id, file) =>
    file === "environ" ? look.environment(id) : `(x) S ${look.stat(id)?.parent ?? 0}`,
  )
  if (told !== undefined) {
    const key = connectionKey({
      localAddress: plainAddress(told.serverAddress) ?? told.serverAddress,
      localPort: told.serverPort,
      remoteAddress: plainAddress(told.clientAddress) ?? told.clientAddress,
      remotePort: told.clientPort,
    })
    // A login that has ended, or one into another network namespace, proves nothing here.
    return connections.some((one) => connectionKey(one) === key)
      ? { kind: "ssh", keys: [key] }
      : { kind: "unknown" }
  }
  return isConsole(look.stat(pid)?.terminal ?? 0) ? { kind: "console" } : { kind: "unknown" }
}

function* ancestorsOf(pid: number, look: LookAtProcess): Generator<number> {
  let at = pid
  for (let depth = 0; depth < deepest && at > 1; depth += 1) {
    yield at
    at = look.stat(at)?.parent ?? 0
  }
}

/** By the major number of its terminal (Documentation/admin-guide/devices.txt): 136 to 143 are pseudo-terminals. */
function isConsole(terminal: number): boolean {
  const major = (terminal >> 8) & 0xfff
  return major !== 0 && (major < 136 || major > 143)
}
