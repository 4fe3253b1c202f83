import { PassThrough } from "node:stream"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { readTypedKnock, type TypedKnock } from "../../../src/cli/knock/arguments.ts"
import { runKnockProgram } from "../../../src/cli/knock/command-line.ts"
import type { ProgramHost } from "../../../src/cli/terminal/terminal.ts"

const quiet = { write: () => {} }
const host: ProgramHost = {
  stdin: new PassThrough() as unknown as ProgramHost["stdin"],
  stdout: quiet,
  stderr: quiet,
  env: {},
}

/** What commander makes of it: the knock, or undefined when it is none. */
async function byCommander(args: readonly string[]): Promise<TypedKnock | undefined> {
  let typed: TypedKnock | undefined
  await runKnockProgram(args, host, {
    async knock(asked) {
      typed = asked
      return 0
    },
    secret: async () => 0,
  })
  return typed
}

const word = fc.constantFrom(
  ...[
    "reset",
    "probe",
    "web1",
    "192.0.2.1",
    "fe80::1%eth0",
    "-",
    "--",
    "-4",
    "-6",
    "-46",
    "-h",
    "--hard",
    "--json",
  ],
  ...[
    "--check",
    "--no-check",
    "--check=tcp/2",
    "--wait",
    "--wait=3s",
    "5s",
    "--plain",
    "x y",
    "--secret-file",
    "/f",
  ],
  ...[
    "--one-way",
    "--help",
    "--version",
    "--ipv4",
    "--hard=1",
    "--no-hard",
    "--har",
    "",
    "-4x",
    "---",
    "--secretFile",
  ],
)

describe("the fast way to read a knock", () => {
  it("reads what is typed without a mistake", () => {
    expect(readTypedKnock(["reset", "web1", "-4", "--no-check", "--secret-file", "-", "web2"])).toEqual({
      verb: "reset",
      hosts: ["web1", "web2"],
      texts: { ipv4: true, check: false, secretFile: "-", wait: "10s" },
    })
  })

  it.each([
    [[]],
    [["--help"]],
    [["secret", "web1"]],
    [["reset"]],
    [["reset", "web1", "--hrad"]],
    [["reset", "--help"]],
  ])("leaves %j to commander", (args) => {
    expect(readTypedKnock(args)).toBeUndefined()
  })

  it("reads nothing in another way than commander does", async () => {
    let read = 0
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("reset", "probe", "confirm"),
        fc.array(word, { maxLength: 6 }),
        async (verb, rest) => {
          const fast = readTypedKnock([verb, ...rest])
          if (fast === undefined) return
          read += 1
          expect(fast).toEqual(await byCommander([verb, ...rest]))
        },
      ),
      { numRuns: 1000 },
    )
    expect(read).toBeGreaterThan(50)
  })
})
