import { describe, expect, it } from "vitest"
import { type LookAtProcess, loginOf } from "../../../src/guard/control/login.ts"
import type { Login } from "../../../src/guard/machine/event.ts"
import { type Connection, connectionKey } from "../../../src/wire/tcp-connection.ts"

const one = (remotePort: number, inode = 0): Connection => {
  return { localAddress: "192.0.2.1", localPort: 22, remoteAddress: "192.0.2.2", remotePort, inode }
}

/** Processes by id: 10 is the one that confirms. */
const look = (
  processes: Record<
    number,
    { name: string; parent: number; terminal?: number; sockets?: number[]; env?: string }
  >,
): LookAtProcess => ({
  stat: (pid) => {
    const found = processes[pid]
    return found && { terminal: 0, ...found }
  },
  sockets: (pid) => processes[pid]?.sockets ?? [],
  environment: (pid) => processes[pid]?.env,
})

describe("who confirms", () => {
  const connections = [one(50_000, 12), one(50_001, 15)]
  const ssh = (port: number): Login => ({ kind: "ssh", keys: [connectionKey(one(port))] })

  it("is known by the connection of the sshd above, whatever the environment says", () => {
    const sockets = { name: "sshd-session", parent: 1, sockets: [99, 15] }
    const lie = "A=b\0SSH_CONNECTION=192.0.2.2 50000 192.0.2.1 22\0"
    const processes = {
      10: { name: "fw-apply", parent: 9, env: lie },
      9: { name: "sudo", parent: 8 },
      8: sockets,
    }
    expect(loginOf(10, connections, look(processes))).toEqual(ssh(50_001))
  })

  it("is known by SSH_CONNECTION where no sshd is above, as long as that connection stands", () => {
    const processes = (port: number) => ({
      10: { name: "fw-apply", parent: 9, terminal: 0x8801 },
      9: { name: "bash", parent: 1, env: `SSH_CONNECTION=192.0.2.2 ${port} 192.0.2.1 22` },
    })
    expect(loginOf(10, connections, look(processes(50_000)))).toEqual(ssh(50_000))
    expect(loginOf(10, connections, look(processes(50_009)))).toEqual({ kind: "unknown" })
  })

  it.each([
    [0x0401, "console"],
    [0x0440, "console"],
    [0xe500, "console"],
    [0x8800, "unknown"],
    [0, "unknown"],
  ])("on a terminal %i is at a %s", (terminal, kind) => {
    expect(loginOf(10, connections, look({ 10: { name: "fw-apply", parent: 1, terminal } }))).toEqual({
      kind,
    })
  })
})
