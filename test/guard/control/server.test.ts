import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { openTerminal } from "../../../src/cli/terminal/terminal.ts"
import { showStatus } from "../../../src/cli/watchdog/session-commands.ts"
import { askOnce, NoGuard, refuseSecondSession } from "../../../src/guard/control/client.ts"
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

  it("is asked once: an answer, a refusal, nobody, or one who goes without a word", async () => {
    const asked = askOnce(runtime, { command: "undo" })
    await expect(asked).rejects.toBeInstanceOf(NoGuard)
    await expect(asked).rejects.toMatchObject({ code: "refused" })
    const outcome = { event: "undone", code: "done", message: "undone" }
    let heard: () => void = () => {}
    const rollbackHeard = new Promise<void>((resolve) => {
      heard = resolve
    })
    const control = await openControlSocket(runtime, {
      handle(command, reply) {
        if (command.command === "rollback") heard()
        if (command.command === "undo") reply({ outcome })
        if (command.command === "confirm") reply({ outcome: undefined })
        if (command.command === "extend") reply({ error: "still arming" })
      },
    })
    expect(await askOnce(runtime, { command: "undo" })).toEqual({ outcome })
    const refused = askOnce(runtime, { command: "extend", byMs: 1 })
    await expect(refused).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("arming"),
    })
    await expect(refused).rejects.not.toBeInstanceOf(NoGuard)
    const gone = { code: "state-unknown" }
    await expect(askOnce(runtime, { command: "confirm", pid: 1 })).rejects.toMatchObject(gone)
    const unanswered = askOnce(runtime, { command: "rollback", by: "test" })
    const rejected = expect(unanswered).rejects.toMatchObject(gone)
    await rollbackHeard
    await control.close()
    await rejected
    await expect(unanswered).rejects.toBeInstanceOf(NoGuard)
  })

  it("is asked to disarm until it has gone, or does not", async () => {
    let replies: unknown = { outcome: { event: "disarmed", code: "done", message: "disarmed" } }
    const control = await openControlSocket(runtime, { handle: (_, reply) => reply(replies) })
    let answered = false
    const disarmed = askOnce(runtime, { command: "disarm", by: "test" }).finally(() => {
      answered = true
    })
    await askOnce(runtime, { command: "undo" })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(answered).toBe(false)
    replies = { error: "still arming" }
    await expect(askOnce(runtime, { command: "disarm", by: "test" })).rejects.toMatchObject({
      code: "refused",
    })
    await control.close()
    expect(await disarmed).toMatchObject({ outcome: { event: "disarmed" } })
  })

  it("carries an answer of a megabyte whole", async () => {
    const long = Array.from({ length: 20_000 }, (_, i) => `nft: inet table chain number ${i} (policy drop)`)
    const control = await openControlSocket(runtime, {
      handle: (_, reply) => reply({ stillDropping: long }),
    })
    const { stillDropping } = await askOnce(runtime, { command: "status" })
    expect(stillDropping).toEqual(long)
    await control.close()
  })
})
