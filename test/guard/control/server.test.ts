import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { openTerminal } from "../../../src/cli/terminal/terminal.ts"
import { showStatus } from "../../../src/cli/watchdog/session-commands.ts"
import { askGuard, refuseSecondSession } from "../../../src/guard/control/client.ts"
import { controlHandler } from "../../../src/guard/control/handler.ts"
import { openControlSocket } from "../../../src/guard/control/server.ts"
import { foldersFor, preparePrivateFolder } from "../../../src/guard/state/folders.ts"

describe("the control socket", () => {
  const folder = mkdtempSync(join(tmpdir(), "control-"))
  afterAll(() => rmSync(folder, { recursive: true }))
  const env = { RUNTIME_DIRECTORY: folder }
  const { runtime } = foldersFor(env)
  preparePrivateFolder(runtime)
  const quiet = { write: () => true }
  const host = { stdin: process.stdin, stdout: quiet, stderr: quiet, env }

  it("is one, and leaves nothing behind", async () => {
    await refuseSecondSession(runtime)
    const handler = controlHandler(
      () => undefined,
      new Set(),
      () => [],
    )
    const control = await openControlSocket(runtime, handler)
    expect(readdirSync(runtime)).toEqual(["control.sock"])
    await expect(refuseSecondSession(runtime)).rejects.toThrow("a session is armed already")
    await expect(openControlSocket(runtime, handler)).rejects.toMatchObject({ code: "refused" })
    expect(readdirSync(runtime)).toEqual(["control.sock"])
    await control.close()
    expect(readdirSync(runtime)).toEqual([])
    await refuseSecondSession(runtime)
  })

  it("says to who asks while the session is still being armed that it is", async () => {
    const control = await openControlSocket(
      runtime,
      controlHandler(
        () => undefined,
        new Set(),
        () => [],
      ),
    )
    const asked = showStatus(openTerminal("fw-watchdog", host), host)
    await expect(asked).rejects.toMatchObject({ code: "refused", message: expect.stringContaining("arming") })
    await control.close()
  })

  it("carries an answer of a megabyte whole", async () => {
    const long = Array.from({ length: 20_000 }, (_, i) => `nft: inet table chain number ${i} (policy drop)`)
    const control = await openControlSocket(runtime, {
      handle: (_, reply) => reply({ stillDropping: long }),
    })
    let answer: unknown
    await askGuard(runtime, { command: "status" }, (value) => {
      answer = value.stillDropping
      return false
    })
    expect(answer).toEqual(long)
    await control.close()
  })
})
