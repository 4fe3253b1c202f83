import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, describe, expect, it } from "vitest"
import { outliveEnding } from "../../../src/cli/arming/ending-session.ts"
import type { Terminal } from "../../../src/cli/terminal/terminal.ts"
import type { Clock } from "../../../src/clock.ts"
import { controlPath } from "../../../src/guard/control/commands.ts"

/** A clock on which whoever waits has waited. */
function hastyClock(): Clock {
  let nowMs = 0
  const after = (delayMs: number, then: () => void) => {
    nowMs += delayMs
    const turn = setImmediate(then)
    return { cancel: () => clearImmediate(turn) }
  }
  return { wallMs: () => nowMs, bootMs: () => nowMs, after, every: after }
}

describe("a session that ends", () => {
  const folder = mkdtempSync(join(tmpdir(), "fw-ending-"))
  const closing: (() => void)[] = []
  afterEach(() => {
    for (const close of closing.splice(0)) close()
  })
  const said: string[] = []
  const terminal = { say: (line: string) => said.push(line) } as unknown as Terminal

  /** A guard that says so often that it ends, then what comes behind it. */
  async function guardThatEnds(times: number, then: "gone" | "another"): Promise<void> {
    said.length = 0
    const server = createServer((socket) => {
      times -= 1
      if (times < 0 && then === "gone") socket.destroy()
      else socket.end(`${JSON.stringify({ event: "status", ending: times >= 0 })}\n`)
    })
    await new Promise<void>((resolve) => server.listen(controlPath(folder), resolve))
    closing.push(() => server.close())
  }

  it("is waited for without a word where it ends within a second", async () => {
    await guardThatEnds(5, "gone")
    expect(await outliveEnding(folder, hastyClock(), terminal)).toBeUndefined()
    expect(said).toEqual([])
  })

  it("is waited for with one line where it takes longer", async () => {
    await guardThatEnds(50, "gone")
    expect(await outliveEnding(folder, hastyClock(), terminal)).toBeUndefined()
    expect(said).toEqual(["waiting for the session here to end"])
  })

  it("gives way to one that goes on, which is told", async () => {
    await guardThatEnds(3, "another")
    expect(await outliveEnding(folder, hastyClock(), terminal)).toMatchObject({ ending: false })
  })

  it("is not waited for for ever", async () => {
    await guardThatEnds(100_000, "gone")
    expect(await outliveEnding(folder, hastyClock(), terminal)).toMatchObject({ ending: true })
    rmSync(folder, { recursive: true, force: true })
  })
})
