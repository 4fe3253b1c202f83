import { expect, it } from "vitest"
import { commandLines } from "../../scripts/packaging/command-lines.ts"

const programs = commandLines()
const commands = programs.flatMap((program) => [program, ...program.commands])

it.each(commands.map((command) => [command.name(), command] as const))(
  "%s --help fits one screen",
  (_, command) => {
    const written: string[] = []
    command.configureOutput({ writeOut: (text) => written.push(text), getOutHelpWidth: () => 80 })
    command.outputHelp()
    const lines = written.join("").trimEnd().split("\n")
    if (programs.includes(command)) expect(lines[0]).toMatch(/^Example/)
    expect(lines.length).toBeLessThanOrEqual(40)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  },
)
