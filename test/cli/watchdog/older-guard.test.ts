import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { joinGuard } from "../../../src/cli/apply/guard.ts"
import type { ApplyOptions } from "../../../src/cli/apply/options.ts"
import { openTerminal, type ProgramHost } from "../../../src/cli/terminal/terminal.ts"
import { showStatus } from "../../../src/cli/watchdog/session-commands.ts"
import { noRules } from "../../../src/firewall/snapshot/snapshot.ts"
import { openControlSocket } from "../../../src/guard/control/server.ts"
import { foldersFor } from "../../../src/guard/state/folders.ts"
import { packageVersion } from "../../../src/system/installed-files.ts"

/** What the guard of 0.1.0 answered on a Debian 13 that was upgraded while it was armed. */
const statusOf0_1 = {
  event: "status",
  armedBy: { user: "root", from: "10.79.0.1", terminal: "" },
  secondsLeft: 1790,
  onExpiry: "disarm",
  dryRun: false,
  provenFromOutside: true,
  secrets: [{ kind: "standing", host: "10.79.0.2", name: "" }],
  plain: false,
  devices: ["any", "ens3"],
  deaf: false,
  guardPid: 812,
  listenerPid: 819,
  listenerStarts: 1,
  backends: ["nft 1.1.3"],
  standbys: [{ program: "nft", pid: 820 }],
  accepted: 1,
  opens: 0,
  stillDropping: [],
  reLocks: 0,
  heard: 4,
  missed: 0,
  rejected: {},
}

describe("a session of 0.1.0 that has gone on across an upgrade", () => {
  const folder = mkdtempSync(join(tmpdir(), "older-guard-"))
  const env = { RUNTIME_DIRECTORY: folder, STATE_DIRECTORY: folder }
  const { runtime } = foldersFor(env)
  let printed = ""
  const stdout = {
    write: (text: string): boolean => {
      printed += text
      return true
    },
  }
  const host = { stdin: process.stdin, stdout, stderr: stdout, env } as unknown as ProgramHost
  let answer: object = {}
  let control: { close(): Promise<void> }
  beforeAll(async () => {
    mkdirSync(runtime, { recursive: true })
    control = await openControlSocket(runtime, { handle: (_, reply) => reply(answer) })
  })
  afterEach(() => {
    printed = ""
  })
  afterAll(async () => {
    await control.close()
    rmSync(folder, { recursive: true })
  })

  it("is shown by status, which says of what version it is", async () => {
    answer = statusOf0_1
    expect(await showStatus(openTerminal("fw-watchdog", host), host)).toBe(0)
    expect(printed).toContain(`by version 0.1, this is ${packageVersion()}`)
    expect(printed).toContain("hearing on any, ens3; knocks come by icmp\n")
  })

  it("takes no change, and says what to do", async () => {
    answer = statusOf0_1
    const join = joinGuard({} as ApplyOptions, undefined, noRules, openTerminal("fw-apply", host), host)
    await expect(join).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("armed by version 0.1"),
      hint: expect.stringContaining("disarm"),
    })
  })

  it("of this version is joined, and named by nothing", async () => {
    answer = { ...statusOf0_1, version: packageVersion(), roads: ["icmp", "tcp/22"] }
    expect(await showStatus(openTerminal("fw-watchdog", host), host)).toBe(0)
    expect(printed).not.toContain("by version")
    const joined = await joinGuard(
      {} as ApplyOptions,
      undefined,
      noRules,
      openTerminal("fw-apply", host),
      host,
    )
    expect(joined).toMatchObject({ proven: true, knockHost: "10.79.0.2" })
  })
})
