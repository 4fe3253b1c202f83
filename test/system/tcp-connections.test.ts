import { endianness } from "node:os"
import { describe, expect, it } from "vitest"
import {
  type ConfirmWay,
  judgeConfirm,
  type LookAtProcess,
  newWayInFrom,
  wayOf,
} from "../../src/guard/change/confirmation.ts"
import {
  type Connection,
  connectionKey,
  plainAddress,
  readConnections,
} from "../../src/system/tcp-connections.ts"

const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0000000000000000 100 0 0 10 0
   1: 010200C0:0016 020200C0:C350 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0000000000000000 20 4 30 10 -1
   2: 010200C0:0016 020200C0:C351 03 00000000:00000000 00:00000000 00000000     0        0 0 1 0000000000000000 20 4 30 10 -1
   3: 010200C0:0016 020200C0:C352 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0000000000000000
`
const tcp6 = `   0: 0000000000000000FFFF0000010200C0:0016 0000000000000000FFFF0000020200C0:C353 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0000000000000000 20 4 30 10 -1
   1: B80D0120000000000000000001000000:0016 B80D0120000000000000000002000000:C354 08 00000000:00000000 00:00000000 00000000     0        0 14 1 0000000000000000 20 4 30 10 -1
`
const one = (port: number, inode = 0): Connection => {
  return { localAddress: "192.0.2.1", localPort: 22, remoteAddress: "192.0.2.2", remotePort: port, inode }
}
const change = { standing: [connectionKey(one(50_000))], sshPort: 22, client: "192.0.2.2" }

describe.skipIf(endianness() === "BE")("the kernel's table of connections", () => {
  it("gives those that both sides have answered, IPv4 as IPv4 whichever socket holds it", () => {
    const noIpv6 = (table: string): string => {
      if (table === "tcp") return tcp
      throw new Error("no such file")
    }
    expect(readConnections(noIpv6)).toEqual([one(50_000, 12)])
    expect(readConnections((table) => (table === "tcp" ? tcp : tcp6)).map(connectionKey)).toEqual([
      "192.0.2.1 22 192.0.2.2 50000",
      "192.0.2.1 22 192.0.2.2 50003",
      "2001:db8::1 22 2001:db8::2 50004",
    ])
  })

  it("knows an address in any of its texts", () => {
    expect(plainAddress("::ffff:192.0.2.1")).toBe("192.0.2.1")
    expect(plainAddress("FE80:0::1%eth0")).toBe("fe80::1")
    expect(plainAddress("web1")).toBeUndefined()
  })
})

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
  const ssh = (port: number): ConfirmWay => ({ kind: "ssh", keys: [connectionKey(one(port))] })

  it("is known by the connection of the sshd above, whatever the environment says", () => {
    const sockets = { name: "sshd-session", parent: 1, sockets: [99, 15] }
    const lie = "A=b\0SSH_CONNECTION=192.0.2.2 50000 192.0.2.1 22\0"
    const processes = {
      10: { name: "fw-apply", parent: 9, env: lie },
      9: { name: "sudo", parent: 8 },
      8: sockets,
    }
    expect(wayOf(10, connections, look(processes))).toEqual(ssh(50_001))
  })

  it("is known by SSH_CONNECTION where no sshd is above, as long as that connection stands", () => {
    const processes = (port: number) => ({
      10: { name: "fw-apply", parent: 9, terminal: 0x8801 },
      9: { name: "bash", parent: 1, env: `SSH_CONNECTION=192.0.2.2 ${port} 192.0.2.1 22` },
    })
    expect(wayOf(10, connections, look(processes(50_000)))).toEqual(ssh(50_000))
    expect(wayOf(10, connections, look(processes(50_009)))).toEqual({ kind: "unknown" })
  })

  it.each([
    [0x0401, "console"],
    [0x0440, "console"],
    [0xe500, "console"],
    [0x8800, "unknown"],
    [0, "unknown"],
  ])("on a terminal %i is at a %s", (terminal, kind) => {
    expect(wayOf(10, connections, look({ 10: { name: "fw-apply", parent: 1, terminal } }))).toEqual({ kind })
  })
})

describe("a confirmation", () => {
  it("counts over a connection that did not stand, and on a console with a notice", () => {
    const way = (port: number): ConfirmWay => ({ kind: "ssh", keys: [connectionKey(one(port))] })
    expect(judgeConfirm(change, way(50_001), [])).toEqual({ ok: true })
    expect(judgeConfirm(change, way(50_000), [one(50_001)])).toMatchObject({ ok: false })
    expect(judgeConfirm(change, { kind: "console" }, [])).toMatchObject({
      ok: true,
      notice: expect.stringContaining("console"),
    })
  })

  it("counts from tmux or an agent only while a new connection from the operator to the ssh port stands", () => {
    const judged = (connections: readonly Connection[]): boolean =>
      judgeConfirm(change, { kind: "unknown" }, connections).ok
    expect(judged([one(50_000)])).toBe(false)
    expect(judged([{ ...one(50_001), localPort: 80 }])).toBe(false)
    expect(judged([{ ...one(50_001), remoteAddress: "192.0.2.3" }])).toBe(false)
    expect(judged([one(50_000), one(50_001)])).toBe(true)
  })

  it("counts by a knock while a new connection from its source stands", () => {
    expect(newWayInFrom(change, "192.0.2.2", [one(50_000)])).toBe(false)
    expect(newWayInFrom(change, "192.0.2.2", [one(50_001)])).toBe(true)
    expect(newWayInFrom(change, "192.0.2.3", [one(50_001)])).toBe(false)
  })
})
