import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { openTerminal } from "../../../src/cli/terminal/terminal.ts"
import { watchSession } from "../../../src/cli/watchdog/viewer.ts"
import type { ControlHandler } from "../../../src/guard/control/commands.ts"
import { openControlSocket } from "../../../src/guard/control/server.ts"

const ending = { outcome: { event: "disarmed", code: "done", message: "disarmed", facts: { ends: true } } }

describe("the viewer", () => {
  const folder = mkdtempSync(join(tmpdir(), "viewer-"))
  afterAll(() => rmSync(folder, { recursive: true }))
  const quiet = { write: () => true }
  const terminal = openTerminal("fw-watchdog", {
    stdin: process.stdin,
    stdout: quiet,
    stderr: quiet,
    env: {},
  })

  /** Watches a guard that does `handle`; `interrupt` is a Ctrl-C. */
  async function watching(handle: ControlHandler["handle"]) {
    const control = await openControlSocket(folder, { handle })
    let interrupt: () => void = () => {}
    const ended = watchSession(terminal, folder, 60_000, {
      onInterrupt: (then) => {
        interrupt = then
      },
    })
    return { control, ended, interrupt }
  }

  it("disarms on Ctrl-C and ends with the session", async () => {
    let tell: (value: unknown) => void = () => {}
    const { control, ended, interrupt } = await watching((command, reply) => {
      if (command.command === "watch") tell = reply
      if (command.command === "disarm") {
        reply(ending)
        tell(ending)
        void control.close()
      }
    })
    setTimeout(interrupt, 50)
    expect(await ended).toBe("done")
  })

  it("leaves on a second Ctrl-C when the guard does not end", async () => {
    const { control, ended, interrupt } = await watching(() => {})
    setTimeout(() => {
      interrupt()
      interrupt()
    }, 50)
    await expect(ended).rejects.toMatchObject({
      code: "state-unknown",
      message: expect.stringContaining("did not end"),
    })
    await control.close()
  })

  it("says that the session goes on when only the viewer was let go", async () => {
    const cut: ControlHandler["handle"] = (command, reply) => {
      if (command.command === "status") return reply({ secondsLeft: 1 })
      const flood = "x".repeat(1024 * 1024)
      for (let count = 0; count < 20; count += 1) reply({ flood })
    }
    const { control, ended } = await watching(cut)
    await expect(ended).rejects.toMatchObject({ message: expect.stringContaining("the session goes on") })
    await control.close()
  })
})
