import { describe, expect, it } from "vitest"
import type { Outcome } from "../../src/report/outcome.ts"
import { tellPeople } from "../../src/system/broadcast.ts"
import { findProgram } from "../../src/system/process/find-program.ts"
import type { CommandRequest, CommandResult } from "../../src/system/process/run-command.ts"

const missing = findProgram("wall") === undefined || findProgram("logger") === undefined
if (missing) process.stderr.write("skipped: what people are told: no wall or no logger here\n")

describe.skipIf(missing)("people are told", () => {
  const told = async (quiet: boolean, ...outcomes: Outcome[]): Promise<string[]> => {
    const commands: CommandRequest[] = []
    const people = tellPeople(async (request) => {
      commands.push(request)
      return {} as CommandResult
    }, quiet)
    for (const outcome of outcomes) people.tell(outcome)
    await people.idle()
    return commands.map(({ path, args }) => `${path.split("/").at(-1)} ${args.at(-1)}`)
  }
  const ended = (facts: NonNullable<Outcome["facts"]>): Outcome => ({
    ...{
      event: "disarmed",
      code: "done",
      message: "disarmed; OPEN since 20:30",
      facts: { ends: true, ...facts },
    },
  })

  it("of any session that ends with the firewall open, and of no other disarm", async () => {
    expect(await told(false, ended({ openSinceMs: 1 }), ended({}))).toEqual([
      "logger disarmed; OPEN since 20:30",
      "wall fw-watchdog on this host: disarmed; OPEN since 20:30",
    ])
  })

  it("on no terminal when it is to be quiet", async () => {
    expect(await told(true, ended({ openSinceMs: 1 }))).toEqual(["logger disarmed; OPEN since 20:30"])
  })
})
