import { readFileSync } from "node:fs"

/** The four fields of SSH_CONNECTION, see ssh(1). */
export interface SshConnection {
  readonly clientAddress: string
  readonly clientPort: number
  readonly serverAddress: string
  readonly serverPort: number
}

/** Reads /proc/PID/environ or /proc/PID/stat; undefined when it cannot be read. Passed in for tests. */
export type ReadProc = (pid: number, file: "environ" | "stat") => string | undefined

const readProc: ReadProc = (pid, file) => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1")
  } catch {
    return undefined
  }
}

/** Ancestors that are looked at; a login is never deeper. */
const deepest = 32

function parseSshConnection(text: string): SshConnection | undefined {
  const [clientAddress, clientPort, serverAddress, serverPort, ...rest] = text.split(" ")
  if (!clientAddress || !serverAddress || rest.length > 0) return undefined
  const [from, to] = [Number(clientPort), Number(serverPort)]
  if (!Number.isInteger(from) || !Number.isInteger(to)) return undefined
  // ssh writes the zone of a link-local address along: fe80::1%eth0
  return { clientAddress, clientPort: from, serverAddress, serverPort: to }
}

/**
 * The ssh connection this command was given over: from its own environment, else from the nearest ancestor that has
 * one, since sudo strips SSH_CONNECTION. Undefined on a console.
 */
export function findSshConnection(
  environment: Readonly<Record<string, string | undefined>>,
  parent: number,
  read: ReadProc = readProc,
): SshConnection | undefined {
  const own = environment.SSH_CONNECTION
  if (own) return parseSshConnection(own)
  let pid = parent
  for (let depth = 0; depth < deepest && pid > 1; depth += 1) {
    const entry = read(pid, "environ")
      ?.split("\0")
      .find((line) => line.startsWith("SSH_CONNECTION="))
    if (entry !== undefined) return parseSshConnection(entry.slice("SSH_CONNECTION=".length))
    const stat = read(pid, "stat")
    // proc(5): the command in parentheses may hold anything, so fields are counted behind its last one.
    pid = Number(stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[1] ?? 0)
  }
  return undefined
}
