import { describe, expect, it } from "vitest"
import type { Login } from "../../../../src/guard/machine/event.ts"
import { hasNewConnectionFrom, judgeConfirm } from "../../../../src/guard/machine/transitions/confirmation.ts"
import { type Connection, connectionKey } from "../../../../src/wire/tcp-connection.ts"

const one = (remotePort: number, inode = 0): Connection => {
  return { localAddress: "192.0.2.1", localPort: 22, remoteAddress: "192.0.2.2", remotePort, inode }
}
const change = { standing: [connectionKey(one(50_000))], sshPort: 22, client: "192.0.2.2" }

describe("a confirmation", () => {
  it("counts over a connection that did not stand, and on a console with a notice", () => {
    const login = (port: number): Login => ({ kind: "ssh", keys: [connectionKey(one(port))] })
    expect(judgeConfirm(change, login(50_001), [])).toEqual({ ok: true })
    expect(judgeConfirm(change, login(50_000), [one(50_001)])).toMatchObject({ ok: false })
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
    expect(hasNewConnectionFrom(change, "192.0.2.2", [one(50_000)])).toBe(false)
    expect(hasNewConnectionFrom(change, "192.0.2.2", [one(50_001)])).toBe(true)
    expect(hasNewConnectionFrom(change, "192.0.2.3", [one(50_001)])).toBe(false)
  })
})
