import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { afterAll, describe, expect, it } from "vitest"
import { serviceManager, withNotifySocket } from "../../../src/guard/launch/systemd-notify.ts"
import { findProgram } from "../../../src/system/process/find-program.ts"

const perl = findProgram("perl")
if (perl === undefined) process.stderr.write("skipped: notifying systemd: perl is not installed\n")

/** Says "ready", then each datagram with the process that the kernel says sent it. */
const receiver = `
  use Socket; $| = 1;
  socket(my $s, AF_UNIX, SOCK_DGRAM, 0); bind($s, pack_sockaddr_un($ARGV[0])) or die;
  setsockopt($s, SOL_SOCKET, 16, 1); # SO_PASSCRED, as systemd does
  print "ready\\n"; my $left = 3;
  while ($left-- > 0) { recv($s, my $text, 4096, 0); print "$text\\n" }`

/** Reads the order from descriptor 3, says things on descriptor 0, and what a child of it has there. */
const guard = `
  import { readFileSync, readlinkSync } from "node:fs"
  import { spawnSync } from "node:child_process"
  import { serviceManager } from "${new URL("../../../dist/guard/launch/systemd-notify.js", import.meta.url).href}"
  const manager = serviceManager(process.env)
  manager.ready()
  manager.status("order " + readFileSync(3, "utf8"))
  const child = spawnSync("/bin/sh", ["-c", "readlink /proc/self/fd/0"]).stdout.toString().trim()
  manager.status(child === readlinkSync("/proc/self/fd/0") ? "the child has it too" : "the child has another")
  process.stdout.write(String(process.pid))`

describe.skipIf(perl === undefined)("a guard under systemd", () => {
  const folder = mkdtempSync(join(tmpdir(), "notify-"))
  afterAll(() => rmSync(folder, { recursive: true }))
  const path = join(folder, "notify")

  let manager: ReturnType<typeof spawn> | undefined
  afterAll(() => manager?.kill())

  it("has a datagram socket to it on descriptor 0, and its order on 3", { timeout: 15_000 }, async () => {
    const receiving = spawn(perl as string, ["-e", receiver, path], { stdio: ["ignore", "pipe", "inherit"] })
    manager = receiving
    const lines = createInterface({ input: receiving.stdout })[Symbol.asyncIterator]()
    expect((await lines.next()).value).toBe("ready")
    const start = withNotifySocket(perl as string, {
      path: process.execPath,
      args: ["--input-type=module", "-e", guard],
    })
    const run = spawn(start.path, start.args, {
      stdio: ["pipe", "pipe", "inherit"],
      env: { NOTIFY_SOCKET: path },
    })
    run.stdin.end("given")
    expect((await lines.next()).value).toBe("READY=1")
    expect((await lines.next()).value).toBe("STATUS=order given")
    expect((await lines.next()).value).toBe("STATUS=the child has another")
    let pid = ""
    for await (const chunk of run.stdout) pid += chunk
    expect(Number(pid)).toBe(run.pid) // it became the guard, and is no process beside it
  })

  it("is an ordinary process where nobody is to be notified", () => {
    const start = withNotifySocket(perl as string, { path: "/bin/sh", args: ["-c", "cat; env"] })
    const run = spawnSync(start.path, start.args, { input: "given\n", env: {} })
    expect(run.stdout.toString()).toMatch(/^given\n/)
    expect(run.stdout.toString()).not.toContain("NOTIFY")
  })

  it("does not run where the socket is not to be had", () => {
    const start = withNotifySocket(perl as string, { path: "/bin/true", args: [] })
    const run = spawnSync(start.path, start.args, { env: { NOTIFY_SOCKET: join(folder, "gone") } })
    expect(run.status).not.toBe(0)
    expect(run.stderr.toString()).toContain("cannot connect to the service manager")
  })
})

describe("what is said to systemd", () => {
  const said: string[] = []
  const send = (text: string): void => void said.push(text)

  it("is nothing unless it asked for it", () => {
    const manager = serviceManager({ NOTIFY_SOCKET: "/run/systemd/notify", WATCHDOG_USEC: "1" }, send)
    manager.ready()
    manager.alive()
    expect(said).toEqual([])
  })

  it("is one line each, a status only when it is a new one", () => {
    const manager = serviceManager({ FW_WATCHDOG_NOTIFY: "1", WATCHDOG_USEC: "60000000" }, send)
    manager.status("armed\nREADY=1")
    manager.status("armed\nREADY=1")
    manager.alive()
    expect(said).toEqual(["STATUS=armed READY=1", "WATCHDOG=1"])
  })

  it("is lost when systemd does not read, and nothing else is", () => {
    const manager = serviceManager({ FW_WATCHDOG_NOTIFY: "1" }, () => {
      throw new Error("EAGAIN")
    })
    expect(() => manager.ready()).not.toThrow()
  })
})
