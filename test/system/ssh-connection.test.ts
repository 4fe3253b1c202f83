import { describe, expect, it } from "vitest"
import { findSshConnection } from "../../src/system/network/ssh-connection.ts"

const connection = {
  clientAddress: "198.51.100.7",
  clientPort: 40022,
  serverAddress: "192.0.2.1",
  serverPort: 22,
}
const text = "198.51.100.7 40022 192.0.2.1 22"

describe("findSshConnection", () => {
  it("reads its own environment first", () => {
    expect(findSshConnection({ SSH_CONNECTION: text }, 100, () => undefined)).toEqual(connection)
  })

  it("finds the nearest ancestor that has one, through sudo and a program with a nasty name", () => {
    const processes: Record<number, { environ: string; stat: string }> = {
      300: { environ: "PATH=/bin\0", stat: "300 (sudo) S 200 300 1" },
      200: { environ: "HOME=/root\0", stat: "200 (a) S 9 (b) S 150 200 1" },
      150: { environ: `LANG=C\0SSH_CONNECTION=${text}\0`, stat: "150 (bash) S 1 1 1" },
    }
    expect(findSshConnection({}, 300, (pid, file) => processes[pid]?.[file])).toEqual(connection)
  })

  it("is undefined on a console, and stops at process 1 or in a loop", () => {
    expect(
      findSshConnection({}, 50, (pid, file) => (file === "stat" ? `${pid} (x) S 1 1` : "")),
    ).toBeUndefined()
    expect(
      findSshConnection({}, 50, (pid, file) => (file === "stat" ? `${pid} (x) S 50 1` : "")),
    ).toBeUndefined()
  })

  it("takes nothing for a connection that is not one", () => {
    for (const bad of ["", "a b", "a b c d", "a 1 c 2 e"])
      expect(findSshConnection({ SSH_CONNECTION: bad }, 1, () => undefined)).toBeUndefined()
  })
})
