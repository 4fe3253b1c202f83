import { spawn } from "node:child_process"
import { once } from "node:events"
import { afterEach, describe, expect, it } from "vitest"
import { terminalsInUse } from "../../src/system/terminals.ts"
import { eventually } from "../support/lab/programs.ts"

/** Says its terminal's name, and reads from it what is typed at the other end. */
const program = `
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execvp("cat", ["cat"])
number = os.ptsname(terminal) if hasattr(os, "ptsname") else os.readlink("/proc/%d/fd/0" % child)
os.utime(number, (1, 1))
print(number, flush=True)
for line in sys.stdin:
    os.write(terminal, line.encode())
    os.read(terminal, 1000)
`

describe("terminals in use", () => {
  let end = (): void => {}
  afterEach(() => end())

  it("are those that somebody typed on since, each with whose it is", async () => {
    const held = spawn("/usr/bin/python3", ["-c", program], { stdio: ["pipe", "pipe", "inherit"] })
    end = () => held.kill()
    const [name] = (await once(held.stdout, "data")) as [Buffer]
    const terminal = String(name).trim().replace("/dev/", "")
    const isInUse = (): boolean =>
      terminalsInUse(Date.now() - 1000).some((one) => one.startsWith(`${terminal} (`))
    expect(isInUse()).toBe(false)
    held.stdin.write("iptables -P INPUT DROP\n")
    await eventually("its use", isInUse)
    expect(terminalsInUse(Date.now() - 1000)).toContain(`${terminal} (root)`)
    expect(terminalsInUse(Date.now() + 60_000)).toEqual([])
  })
})
