import { readFileSync } from "node:fs"
import type { Command } from "commander"
import { describe, expect, it } from "vitest"
import { commandLines } from "../../scripts/packaging/command-lines.ts"
import { commandPlaces } from "../../scripts/packaging/completion/offers.ts"
import { exitCodes } from "../../src/report/outcome.ts"

const pages: Readonly<Record<string, string>> = {
  "fw-watchdog": "fw-watchdog.8.md",
  "fw-knock": "fw-knock.1.md",
  "fw-apply": "fw-apply.8.md",
}

/** Exit codes that a program never ends with. */
const neverOf: Readonly<Record<string, readonly number[]>> = {
  "fw-watchdog": [exitCodes["no-answer"], exitCodes["would-change"]],
  "fw-knock": [],
  "fw-apply": [exitCodes["no-answer"]],
}

/** `--timeout <DURATION>` as the manual writes it: `--timeout DURATION`. */
function definedOptions(program: Command): string[] {
  const flags = [program, ...commandPlaces(program).map(({ command }) => command)].flatMap((command) =>
    command
      .createHelp()
      .visibleOptions(command)
      .map((option) => option.flags.replace(/[<>]/g, "")),
  )
  return [...new Set(flags)].sort()
}

/** The terms of the definition list under a heading, without their markup. */
function terms(page: string, heading: string): string[] {
  const section = page.split(/^# /m).find((text) => text.startsWith(`${heading}\n`)) ?? ""
  return [...section.matchAll(/^(\*\*.*)\n:/gm)].map((match) => (match[1] ?? "").replace(/\*|\\/g, "")).sort()
}

describe.each(commandLines().map((program) => [program.name(), program] as const))(
  "man %s",
  (name, program) => {
    const page = readFileSync(new URL(`../../native-notes/man/${pages[name]}`, import.meta.url), "utf8")

    it("has the options that the program takes, and no others", () => {
      expect(terms(page, "OPTIONS")).toEqual(definedOptions(program))
    })

    it("has the commands that the program takes, and no others", () => {
      const leaves = commandPlaces(program).filter(({ command }) => command.commands.length === 0)
      const commands = leaves.map(({ path, command }) =>
        [
          path,
          ...command.registeredArguments.map((argument) => {
            const term = argument.name() + (argument.variadic ? "..." : "")
            return argument.required ? term : `[${term}]`
          }),
        ].join(" "),
      )
      expect(terms(page, "COMMANDS")).toEqual(commands.sort())
    })

    it("has the exit codes that the program ends with, and no others", () => {
      const codes = Object.values(exitCodes).filter((code) => !neverOf[name]?.includes(code))
      expect(terms(page, "EXIT STATUS").map(Number).sort()).toEqual(codes.sort())
    })

    it("tells every default", () => {
      for (const option of [program, ...program.commands].flatMap((command) => command.options))
        if (typeof option.defaultValue === "string") expect(page).toContain(`**${option.defaultValue}**`)
    })
  },
)
