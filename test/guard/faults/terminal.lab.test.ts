import { existsSync, readFileSync } from "node:fs"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { HeldTerminal } from "../../support/held-terminal.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: terminals that die: ${labUnavailable}\n`)

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const runs = (pid: number): boolean => existsSync(`/proc/${pid}`)
const state = (pid: number): string =>
  readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.slice(0, 1) ?? ""

/** The countdown has a line for every second; here none of them comes through. */
async function showsNothing(terminal: HeldTerminal): Promise<void> {
  await pause(300) // what was on its way
  const before = await terminal.shown()
  await pause(2500)
  expect(await terminal.shown()).toBe(before)
}

const deaths: readonly { readonly how: string; readonly bring: (terminal: HeldTerminal) => Promise<void> }[] =
  [
    {
      how: "closed",
      bring: async (terminal) => {
        await terminal.close()
        await eventually("the viewer's end", () => !runs(terminal.viewer))
      },
    },
    {
      how: "stopped (Ctrl-S)",
      bring: async (terminal) => {
        await terminal.type("\x13")
        await showsNothing(terminal)
        expect(runs(terminal.viewer)).toBe(true)
      },
    },
    {
      how: "suspended (Ctrl-Z)",
      bring: async (terminal) => {
        await terminal.type("\x1a")
        await eventually("the viewer's stop", () => state(terminal.viewer) === "T")
      },
    },
    {
      how: "not read by anybody, with its buffer full",
      bring: async (terminal) => {
        await terminal.unread()
        await pause(2500)
        expect(runs(terminal.viewer)).toBe(true)
      },
    },
  ]

describe.skipIf(labUnavailable)("a session whose terminal is", () => {
  const { lab, server, client } = twoHosts()
  const armed = new ArmedServer(lab, server)
  afterAll(() => lab.close())
  beforeAll(() => server.serveTcp(22))
  afterEach(() => {
    armed.try("disarm")
    server.run(["nft", "flush", "ruleset"])
  })

  it.each(deaths)("$how opens twice, and is disarmed from another one", async ({ bring }) => {
    const terminal = await HeldTerminal.run(
      server,
      armed.command("--timeout", "1m", "--secret-file", armed.secretFile),
      { ...process.env, ...armed.environment },
    )
    await eventually("arming", () => armed.try("status").code === 0)
    await eventually("the countdown", async () => (await terminal.shown()) > 0)
    await bring(terminal)
    for (let opens = 1; opens <= 2; opens += 1) {
      server.sh("iptables-nft -P INPUT DROP; iptables-nft -P OUTPUT DROP")
      expect(await client.reaches("192.0.2.1", 22)).toBe(false)
      expect(armed.knock(client, "reset", "192.0.2.1").outcome).toMatchObject({ event: "opened" })
      expect(await client.reaches("192.0.2.1", 22)).toBe(true)
      await eventually("its settling", () => armed.status().opens === opens)
    }
    armed.disarm()
    expect(armed.try("status").code).toBe(1)
  })
})
