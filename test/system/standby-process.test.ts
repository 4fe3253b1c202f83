import { describe, expect, it } from "vitest"
import type { Clock } from "../../src/clock.ts"
import { NftStandbyLoader } from "../../src/firewall/open/nft/standby-loader.ts"
import { type LoaderEvents, StandbyProcess } from "../../src/system/process/standby-process.ts"

/** A clock that stands still until it is told, and loaders that say what they are told to. */
function bench() {
  let now = 0
  const timers: { at: number; then: () => void }[] = []
  const clock: Clock = {
    wallMs: () => now,
    bootMs: () => now,
    after(delayMs, then) {
      const timer = { at: now + delayMs, then }
      timers.push(timer)
      return { cancel: () => void timers.splice(timers.indexOf(timer) >>> 0, 1) }
    },
    every: () => ({ cancel() {} }),
  }
  const started: { events: LoaderEvents; written: string[]; killed: boolean }[] = []
  const log: string[] = []
  return {
    started,
    log,
    pass(ms: number) {
      now += ms
      for (const timer of timers.filter(({ at }) => at <= now)) {
        timers.splice(timers.indexOf(timer), 1)
        timer.then()
      }
    },
    deps: {
      clock,
      log: (line: string) => log.push(line),
      start: (_: unknown, events: LoaderEvents) => {
        const one = { events, written: [] as string[], killed: false }
        started.push(one)
        return {
          pid: started.length,
          write: (text: string) => one.written.push(text),
          kill: () => {
            one.killed = true
            events.onEnd("SIGKILL")
          },
        }
      },
    },
  }
}

const command = { path: "/loader", args: [] }
const untilDot = (newest: string) => newest.endsWith("end.")

describe("a standby loader", () => {
  it("takes an answer that comes in many pieces, one request after the other", async () => {
    const { deps, started } = bench()
    const standby = new StandbyProcess(command, deps)
    const first = standby.ask("one", untilDot, 1000)
    const second = standby.ask("two", untilDot, 1000)
    expect(started[0]?.written).toEqual(["one"])
    for (const piece of ["some", " en", "d", "."]) started[0]?.events.onOut(piece)
    expect(await first).toEqual({ out: "some end.", error: "" })
    expect(started[0]?.written).toEqual(["one", "two"])
    started[0]?.events.onOut("end.")
    // What was written to standard error before the answer may be read after it.
    started[0]?.events.onError("a complaint")
    expect(await second).toEqual({ out: "end.", error: "a complaint" })
  })

  it("that dies answers what it died over, and another is there at once", async () => {
    const { deps, started, log } = bench()
    const standby = new StandbyProcess(command, deps)
    const asked = standby.ask("one", untilDot, 1000)
    started[0]?.events.onEnd("exit code 1")
    expect(await asked).toMatchObject({ ended: "exit code 1" })
    expect(started).toHaveLength(2)
    expect(standby.pid).toBe(2)
    expect(log).toEqual(["standby /loader (exit code 1) is being replaced"])
  })

  it("that hangs is ended after its time", async () => {
    const { deps, started, pass } = bench()
    const standby = new StandbyProcess(command, deps)
    const asked = standby.ask("one", untilDot, 1000)
    pass(999)
    expect(started[0]?.killed).toBe(false)
    pass(1)
    expect(await asked).toMatchObject({ ended: "SIGKILL" })
    expect(standby.idle).toBe(true)
  })

  it("that dies again and again is given time", () => {
    const { deps, started, pass } = bench()
    const standby = new StandbyProcess(command, deps)
    for (let death = 0; death < 3; death++) started.at(-1)?.events.onEnd("exit code 127")
    expect(started).toHaveLength(3)
    expect(standby.pid).toBeUndefined()
    pass(1_500)
    expect(started).toHaveLength(4)
    standby.close()
    expect(started).toHaveLength(4)
  })
})

describe("the nft console", () => {
  it("tells an error from a warning, and loads nothing that is more than one line", async () => {
    const { deps, started } = bench()
    const console = new NftStandbyLoader("/nft", deps)
    const sentinel = "payload expression, datatype ipv4_addr (IPv4 address) (basetype integer), 32 bits\n"
    const warned = console.load("add table ip t")
    started[0]?.events.onError("# Warning: table ip filter is managed by iptables-nft, do not touch!\n")
    for (const piece of [
      "payload expression, datatype ipv4_addr",
      " (IPv4 address)",
      " (basetype integer), 32 bits\n",
    ])
      started[0]?.events.onOut(piece)
    expect(await warned).toEqual({ ok: true })
    const failed = console.load("add chain ip nope c")
    started[0]?.events.onError("Error: No such file or directory\nadd chain ip nope c\n")
    started[0]?.events.onOut(sentinel)
    expect(await failed).toEqual({ ok: false, error: "Error: No such file or directory" })
    const listed = console.list("list chains")
    started[0]?.events.onOut(`table ip t {\n}\n${sentinel}`)
    expect(await listed).toBe("table ip t {\n}\n")
    expect(await console.load("add table ip t\nflush ruleset")).toMatchObject({ ok: false })
    expect(started[0]?.written).toHaveLength(3)
  })
})
