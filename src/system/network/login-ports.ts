import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { readListeners } from "./tcp-connections.ts"

/** Programs that people log in by from afar. */
const loginServer = /^(sshd|dropbear)/
/** Assigned to ssh; always among them, since somebody else may listen for sshd (systemd's ssh.socket). */
const sshPort = 22

/** The TCP ports that people log in by, as far as this process can tell: 22, and those that an ssh server listens on. */
export function loginPorts(): readonly number[] {
  const ports = new Set([sshPort])
  const byInode = new Map(readListeners().map(({ inode, port }) => [inode, port]))
  for (const pid of read(() => readdirSync("/proc")).filter((name) => /^\d+$/.test(name))) {
    if (!loginServer.test(read(() => [readFileSync(`/proc/${pid}/comm`, "latin1")])[0] ?? "")) continue
    for (const fd of read(() => readdirSync(`/proc/${pid}/fd`))) {
      const [link = ""] = read(() => [readlinkSync(`/proc/${pid}/fd/${fd}`)])
      const port = byInode.get(Number(/^socket:\[(\d+)\]$/.exec(link)?.[1]))
      if (port !== undefined) ports.add(port)
    }
  }
  return [...ports]
}

/** The most that are heard for knocks: each makes the filter longer that every packet goes through. */
export const mostKnockPorts = 4

/** The ports at which knocks are heard unless somebody says which: those that people log in by, so far as there is room. */
export function knockPorts(): readonly number[] {
  return loginPorts().slice(0, mostKnockPorts)
}

/** Processes end while they are looked at. */
function read(look: () => string[]): string[] {
  try {
    return look()
  } catch {
    return []
  }
}
