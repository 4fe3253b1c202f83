import { type ChildProcess, spawn } from "node:child_process"
import { afterEach, describe, expect, it } from "vitest"
import { ListenerSupervisor } from "../../../src/guard/listeners/supervisor.ts"
import { VirtualTime } from "../../support/virtual-time.ts"

/**
 * Real processes that say what they like in a listener's place: what an attacker can do who took it over. Time is virtual,
 * so what happens without time passing happens at once.
 */
const readyElsewhere = `console.log('{"type":"ready","devices":["none"],"filter":"","notes":[]}')`
const ready = `console.log('{"type":"ready","devices":["any"],"filter":"icmp","notes":["n"]}')`
const stay = "setInterval(() => {}, 1000)"

async function until(what: string, check: () => boolean): Promise<void> {
  const limit = performance.now() + 5000
  while (!check()) {
    if (performance.now() > limit) throw new Error(`${what}: not within 5 s`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const isAlive = (child: ChildProcess | undefined): boolean =>
  child?.exitCode === null && child.signalCode === null

let children: ChildProcess[] = []
afterEach(() => {
  for (const child of children) child.kill("SIGKILL")
  children = []
})

/** @param scripts what the first, second, ... listener runs; the last one again and again */
function listening(...scripts: readonly string[]) {
  const time = new VirtualTime()
  const seen = { ended: [] as string[], replaced: 0, plain: 0 }
  const listeners = new ListenerSupervisor({
    spawn: () => {
      const script = scripts[Math.min(children.length, scripts.length - 1)] ?? ""
      const child = spawn(process.execPath, ["-e", script], { stdio: "pipe" })
      children.push(child)
      return child
    },
    clock: time,
    setup: [{ type: "start" }],
    events: {
      onKnock: () => {},
      onPlain: () => {
        seen.plain += 1
      },
      onEnded: (why) => seen.ended.push(why),
      onReplaced: () => {
        seen.replaced += 1
      },
    },
  })
  return { listeners, time, seen }
}

describe("a listener that is taken over", () => {
  it("is ready once, however often it says so", async () => {
    const { listeners, seen } = listening(
      `${ready}; for (let i = 0; i < 1000; i++) ${readyElsewhere}; console.log('{"type":"counts","heard":5,"missed":0,"rejected":{}}'); ${stay}`,
    )
    expect(await listeners.start()).toMatchObject({ devices: ["any"], filter: "icmp" })
    await until("all of it", () => listeners.counts.heard === 5)
    expect([listeners.devices, listeners.starts, seen.ended]).toEqual([["any"], 1, []])
  })

  it("that was ready on no device at all is followed by another when it ends", async () => {
    const { listeners, seen } = listening(
      `console.log('{"type":"ready","devices":[],"filter":"","notes":[]}')`,
      `${ready}; ${stay}`,
    )
    await listeners.start()
    await until("another one", () => listeners.devices.includes("any"))
    expect(seen.ended).toHaveLength(1)
  })

  it("is read no faster than a listener has things to say", async () => {
    const plain = `{"type":"plain","source":"192.0.2.2","destination":"192.0.2.1","device":"any"}\\n`
    const { listeners, time, seen } = listening(
      `${ready}; const text = '${plain}'.repeat(1000); const more = () => process.stdout.write(text, more); more()`,
    )
    await listeners.start()
    await until("the flood", () => seen.plain > 1000)
    await new Promise((resolve) => setTimeout(resolve, 300))
    const first = seen.plain
    expect(first).toBeLessThan(5000)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(seen.plain).toBe(first)
    await time.pass(1000)
    await until("some more of it", () => seen.plain > first)
    expect(seen.ended).toEqual([])
  })

  it("is ended when it does not answer, and another one takes its place", async () => {
    const { listeners, time, seen } = listening(`${ready}; ${stay}`)
    await listeners.start()
    await time.pass(7000)
    await until("its end", () => children[0]?.signalCode === "SIGKILL")
    expect(seen.ended).toEqual(["the listener did not answer any more"])
    await until("another one", () => children.length === 2)
  })

  it("does not stay when it is let go and will not", async () => {
    const { listeners, time, seen } = listening(
      `process.stdin.on("data", () => { ${ready}; console.log('{"type":"outdated","why":"so"}') }); ${stay}`,
      `${ready}; ${stay}`,
    )
    await listeners.start()
    await until("the next one", () => seen.replaced === 1)
    expect(isAlive(children[0])).toBe(true)
    await time.pass(2500)
    await until("its end", () => !isAlive(children[0]))
    expect(isAlive(children[1])).toBe(true)
  })

  it("does not outlive the guard", async () => {
    const { listeners, time } = listening(`${ready}; ${stay}`)
    await listeners.start()
    const closed = listeners.close()
    await time.pass(600)
    await closed
    await until("its end", () => !isAlive(children[0]))
  })
})

describe("a listener that does not begin", () => {
  it("is a fault after 20 s", async () => {
    const { listeners, time } = listening(stay)
    const started = expect(listeners.start()).rejects.toThrow("the listener had not begun after 20s")
    await time.pass(22_000)
    await started
  })

  it("keeps nobody waiting who is patient, and is started again", async () => {
    const { listeners, seen } = listening(
      `console.log('{"type":"fault","code":"missing","message":"no capture","hint":""}')`,
      `${ready}; ${stay}`,
    )
    await listeners.start(true)
    expect(seen.ended).toEqual(["no capture"])
    await until("another one", () => listeners.devices.includes("any"))
  })

  it("does not keep the present one from being replaced", async () => {
    const pong = `process.stdin.on("data", () => console.log('{"type":"pong","sequence":1}'))`
    const outdated = `setInterval(() => console.log('{"type":"outdated","why":"so"}'), 20)`
    const { listeners, time, seen } = listening(
      `${ready}; ${pong}; ${outdated}`,
      stay,
      `${ready}; ${pong}; ${stay}`,
    )
    await listeners.start()
    await until("the second", () => children.length === 2)
    for (let second = 0; second < 25 && children.length < 3; second += 1) {
      await time.pass(1000)
      await new Promise((resolve) => setTimeout(resolve, 40))
    }
    await until("the third", () => seen.replaced === 1)
    expect(seen.ended).toEqual([])
  })
})

describe("a listener's canaries", () => {
  const pong = `process.stdin.on("data", () => console.log('{"type":"pong","sequence":1}'))`
  const canary = (is: string): string => `console.log('{"type":"canary","is":"${is}"}')`

  it("tell that it is deaf, also when it never heard one", async () => {
    const { listeners, time, seen } = listening(
      `${ready}; ${pong}; for (let i = 0; i < 4; i++) ${canary("sent")}`,
      `${ready}; ${pong}; for (let i = 0; i < 4; i++) { ${canary("sent")}; ${canary("heard")} }`,
    )
    await listeners.start()
    await until("deafness", () => listeners.deaf)
    await time.pass(2000)
    await until("another one", () => seen.replaced === 1)
    expect(listeners.deaf).toBe(false)
  })
})
