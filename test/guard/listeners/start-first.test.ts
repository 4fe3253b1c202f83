import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { afterEach, describe, expect, it } from "vitest"
import { Fault } from "../../../src/errors.ts"
import { startFirst } from "../../../src/guard/listeners/spawn.ts"

describe("a first listener that is started before anybody asks for it", () => {
  const started: ChildProcess[] = []
  const start = (): ChildProcess => {
    const child = spawn("/bin/cat", { stdio: ["pipe", "pipe", "pipe"] })
    started.push(child)
    return child
  }
  afterEach(() => {
    for (const child of started.splice(0)) child.kill("SIGKILL")
  })

  it("is handed out once, and is then the business of who asked", () => {
    const first = startFirst(start)
    expect(started.length).toBe(1)
    expect(first.spawn()).toBe(started[0])
    expect(first.spawn()).toBe(started[1])
    first.close()
    expect(started.map(({ killed }) => killed)).toEqual([false, false])
  })

  it("ends where nobody has asked for it", async () => {
    const first = startFirst(start)
    first.close()
    expect(await once(started[0] as ChildProcess, "exit")).toEqual([null, "SIGKILL"])
  })

  it("is another one where it has ended meanwhile", async () => {
    const first = startFirst(start)
    started[0]?.stdin?.end()
    await once(started[0] as ChildProcess, "exit")
    expect(first.spawn()).toBe(started[1])
  })

  it("fails when it is asked for, not before", () => {
    const first = startFirst(() => {
      throw new Fault("missing", "no setpriv")
    })
    expect(() => first.spawn()).toThrow("no setpriv")
  })
})
