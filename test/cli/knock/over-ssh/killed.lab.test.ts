import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { eventually } from "../../../support/lab/programs.ts"
import { sshUnavailable } from "../../../support/lab/ssh-server.ts"
import { matrix } from "../../../support/matrix.ts"
import { SshStage } from "./stage.ts"

if (sshUnavailable) process.stderr.write(`skipped: ssh that is killed: ${sshUnavailable}\n`)

/** So many moments, from the beginning to behind the end of a change, which takes three seconds on an idle machine. */
const moments = process.env.FW_LONG ? 20 : 6
const stepMs = 4000 / moments

describe.skipIf(sshUnavailable)("fw-knock apply, whose ssh is killed", () => {
  const stage = new SshStage()
  const file = join(stage.lab.folder, "rules.sh")
  beforeAll(() => stage.start())
  afterEach(() => stage.clear())
  afterAll(() => stage.lab.close())

  it.each(
    matrix(
      Array.from({ length: moments }, (_, at) => Math.round(stepMs * (at + 0.5))),
      2,
    ),
  )(
    "%d ms after it began: the rules are those of before, or confirmed",
    async (afterMs) => {
      writeFileSync(file, "iptables -A INPUT -p tcp --dport 2222 -j ACCEPT\n")
      const child = stage.client.start(
        stage.words("apply", "bob", file, "--json", "--", "--confirm-within", "8s"),
        { env: stage.environment() },
      )
      const begunMs = Date.now()
      const ended = new Promise<number | null>((resolve) => child.once("close", resolve))
      let printed = ""
      child.stdout?.on("data", (chunk) => {
        printed += String(chunk)
      })
      await new Promise((resolve) => setTimeout(resolve, afterMs))
      // By its parent: no other ssh is ours.
      stage.client.try(["/usr/bin/pkill", "-KILL", "-P", String(child.pid), "-x", "ssh"])
      const code = await ended
      const status = () => stage.onServer("status", "--json").object
      await eventually("the end of the change", () => status().change === undefined, 20_000)

      const isNew = stage.rules().includes("dport 2222")
      const { lastChange } = status() as { lastChange?: { atMs: number; outcome: { event: string } } }
      // A session tells of the change before it, too.
      const isConfirmed = lastChange?.outcome.event === "confirmed" && lastChange.atMs >= begunMs
      expect([isNew, printed]).toEqual([isConfirmed, expect.any(String)])
      // Whoever is told that it is done has it.
      if (code === 0) expect(isNew).toBe(true)
      process.stderr.write(
        `ssh killed after ${afterMs} ms: ${isNew ? "confirmed" : "as before"}, exit code ${code}\n`,
      )
    },
    60_000,
  )
})
