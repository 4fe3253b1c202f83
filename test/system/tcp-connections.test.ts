import { endianness } from "node:os"
import { describe, expect, it } from "vitest"
import { readConnections } from "../../src/system/network/tcp-connections.ts"
import { type Connection, connectionKey, plainAddress } from "../../src/wire/tcp-connection.ts"

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
