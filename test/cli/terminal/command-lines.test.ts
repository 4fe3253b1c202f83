import { PassThrough } from "node:stream"
import type { Command } from "commander"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { commandLines } from "../../../scripts/packaging/command-lines.ts"
import { applyMain } from "../../../src/cli/apply/command-line.ts"
import { knockMain } from "../../../src/cli/knock/main.ts"
import type { ProgramHost } from "../../../src/cli/terminal/terminal.ts"
import { watchdogMain } from "../../../src/cli/watchdog/command-line.ts"
import { standingOrder } from "../../../src/cli/watchdog/unit.ts"
import { Fault } from "../../../src/errors.ts"
import { formatSecret } from "../../../src/secrets/secret.ts"

const signals = { onInterrupt: () => {} }
const mains: Readonly<Record<string, (args: readonly string[], host: ProgramHost) => Promise<number>>> = {
  "fw-watchdog": (args, host) => watchdogMain(args, host, signals),
  "fw-apply": (args, host) => applyMain(args, host, signals),
  "fw-knock": knockMain,
}

/** Runs a program on a command line that it does not get beyond. */
async function said(program: string, ...args: string[]) {
  const written = { out: "", err: "" }
  const stream = (to: "out" | "err") => ({
    write: (text: string) => {
      written[to] += text
    },
  })
  const stdin = new PassThrough() as unknown as ProgramHost["stdin"]
  const host: ProgramHost = { stdin, stdout: stream("out"), stderr: stream("err"), env: {} }
  const code = await mains[program]?.(args, host)
  return { code, ...written }
}

const programs = commandLines()
const commands = programs.flatMap((program) => program.commands.map((command) => [program, command] as const))
const named = (of: readonly (readonly [Command, Command])[]) =>
  of.map(([program, command]) => [program.name(), command.name(), command] as const)

describe.each(programs.map((program) => program.name()))("%s", (program) => {
  it("has one help, by -h, --help and help", async () => {
    const help = await said(program, "--help")
    expect(help).toMatchObject({ code: 0, err: "" })
    expect(help.out).toContain("Usage: ")
    expect(await said(program, "-h")).toEqual(help)
    expect(await said(program, "help")).toEqual(help)
  })

  it("says what is wrong with a command that there is none of", async () => {
    const none = await said(program, "help", "bananas")
    expect(none).toMatchObject({ code: 64, out: "" })
    expect(none.err).toContain(`"bananas" is no command of ${program}`)
  })
})

describe.each(named(commands))("%s %s", (program, name, command) => {
  it("has the same help by -h, --help and help", async () => {
    const help = await said(program, name, "--help")
    expect(help).toMatchObject({ code: 0, err: "" })
    expect(help.out).toContain(`Usage: ${program} ${name}`)
    expect(await said(program, name, "-h")).toEqual(help)
    expect(await said(program, "help", name)).toEqual(help)
  })

  it("is suggested for what is nearly it", async () => {
    for (const near of [name.slice(0, -1), `${name}${name.at(-1)}`, `${name[1]}${name[0]}${name.slice(2)}`]) {
      const { code, err } = await said(program, near)
      expect([code, near, err.includes(`did you mean \`${program} ${name}\`?`)]).toEqual([64, near, true])
    }
  })

  it("calls an argument too many that", async () => {
    const most = command.registeredArguments
    // Another command is wanted there, or any number of arguments.
    if (command.commands.length > 0 || most.some(({ variadic }) => variadic)) return
    // What is wanted and not there is told first.
    if (command.options.some(({ mandatory }) => mandatory)) return
    const { code, err } = await said(program, name, ...most.map(() => "30m"), "surplus")
    expect([code, err]).toEqual([64, expect.stringContaining('"surplus" is one argument too many')])
    expect(err).toContain(`${program} ${name} --help`)
  })
})

const optional = named(commands).filter(
  ([
    ,
    ,
    {
      registeredArguments: [first],
    },
  ]) => first?.required,
)
it.each(optional)("%s %s without its argument says which it is", async (program, name, command) => {
  const { code, err } = await said(program, name)
  expect(code).toBe(64)
  expect(err).toContain(
    `an argument is missing: ${program} ${name} takes ${command.registeredArguments[0]?.name()}`,
  )
})

it("an option in front of a command is refused, since the command would not hear of it", async () => {
  for (const [program, ...args] of [
    ["fw-watchdog", "--timeout", "2h", "arm"],
    ["fw-watchdog", "--json", "status"],
    ["fw-apply", "--json", "confirm"],
  ] as const) {
    const { code, err } = await said(program, ...args)
    expect([code, err]).toEqual([64, expect.stringContaining(`${args[0]} stands in front of ${args.at(-1)}`)])
  }
})

describe("a secret given as an argument", () => {
  const secrets = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(formatSecret)
  /** As it may be written, cut off or mistyped. */
  const written = secrets.chain((text) =>
    fc.constantFrom(
      text,
      text.toUpperCase(),
      text.replaceAll("-", ""),
      text.replace("fwk1-", "FWKl-"),
      text.replace("fwk1", "fwk2"),
      text.slice(0, 20),
      text.slice(0, -1),
      `${text}0`,
      text.replace(/.$/, "u"),
      text.slice("fwk1-".length),
    ),
  )
  const places: readonly ((secret: string) => readonly [string, ...string[]])[] = [
    (secret) => ["fw-knock", "remember", "web1", secret],
    (secret) => ["fw-knock", "remember", secret],
    (secret) => ["fw-knock", "remember", `web1 ${secret}`],
    (secret) => ["fw-knock", "probe", secret],
    (secret) => ["fw-knock", "probe", "web1", "--secret-file", secret],
    (secret) => ["fw-knock", "probe", "web1", `--secret-file=${secret}`],
    (secret) => ["fw-knock", "probe", "web1", "--wait", secret, "--json"],
    (secret) => ["fw-knock", "reset", "web1", "--plain", secret],
    (secret) => ["fw-knock", secret],
    (secret) => ["fw-knock", `--${secret}`],
    (secret) => ["fw-knock", "help", secret],
    (secret) => ["fw-watchdog", "--secret-file", secret],
    (secret) => ["fw-watchdog", "arm", "--secret-file", secret],
    (secret) => ["fw-watchdog", secret],
    (secret) => ["fw-watchdog", "status", secret],
    (secret) => ["fw-watchdog", "--timeout", secret],
    (secret) => ["fw-apply", secret],
    (secret) => ["fw-apply", "rules.sh", "--secret-file", secret],
    (secret) => ["fw-apply", "confirm", secret],
  ]

  it("is refused, and nothing of it is said", async () => {
    await fc.assert(
      fc.asyncProperty(written, fc.constantFrom(...places), async (secret, place) => {
        const { code, out, err } = await said(...place(secret))
        expect([code, out]).toEqual([64, ""])
        expect(err).toContain("a secret was given as an argument")
        const groups =
          secret
            .toLowerCase()
            .replace(/^fwk.-?/, "")
            .match(/[^-]{5}/g) ?? []
        expect(groups.filter((group) => err.toLowerCase().includes(group))).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it("is refused by the guard of a unit, too", () => {
    const text = formatSecret(Uint8Array.from({ length: 16 }, (_, index) => index + 1))
    for (const args of [["--secret-file", text], [text], ["--plain", text]])
      expect(() => standingOrder(args)).toThrow(Fault)
    expect(() => standingOrder(["--secret-file", text])).toThrow("a secret was given as an argument")
  })

  it("is not seen in what is none", async () => {
    for (const path of [
      "/etc/fwk1-secrets/web1",
      "/nowhere/0f8fad5b-d9cb-469f-a165-70867728950e",
      "fwk1-...",
    ]) {
      const { code, err } = await said("fw-knock", "probe", "web1", "--secret-file", path)
      expect([code, err]).toEqual([77, expect.stringContaining(path)])
    }
  })
})
