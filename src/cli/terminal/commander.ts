import { type Argument, Command, CommanderError } from "commander"
import { Fault } from "../../errors.ts"
import { exitCodeOf } from "../../report/outcome.ts"
import { packageVersion } from "../../system/installed-files.ts"
import { openTerminal, type ProgramHost, type Terminal } from "./terminal.ts"

/**
 * A commander program that never ends the process and never writes by itself: help and versions go to standard output,
 * mistakes come out of {@link runProgram} as a `usage` fault. Subcommands inherit all of it.
 */
export function newProgram(name: string, host: ProgramHost): Command {
  return new Command(name)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: () => {}, // said by runProgram, with the program's name in front
      outputError: () => {},
    })
    .showSuggestionAfterError(true)
    .enablePositionalOptions()
    .configureHelp({
      subcommandTerm: (command) =>
        [command.name(), ...command.registeredArguments.map(argumentTerm)].join(" "),
    })
    .helpOption("--help", "print this help")
    .helpCommand(false)
}

const argumentTerm = (argument: Argument): string => `<${argument.name()}${argument.variadic ? "..." : ""}>`

/** The last options of a program: of the options' groups the one that was begun first is shown first. */
export function addVersion(program: Command): Command {
  return program.optionsGroup("Options:").version(packageVersion(), "--version", "print the version")
}

/**
 * Parses `args` (without node and script) and runs what they ask for.
 * @param run what the parsed program does; its actions report by themselves and return an exit code through `done`
 * @returns the exit code: whatever was thrown has been said, on one line with a hint
 */
export async function runProgram(
  program: Command,
  args: readonly string[],
  host: ProgramHost,
  run: () => Promise<number>,
): Promise<number> {
  const terminal: Terminal = openTerminal(program.name(), host)
  try {
    await program.parseAsync([...args], { from: "user" })
    return await run()
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return 0
      const message =
        thrown.code === "commander.excessArguments"
          ? excessWords(program)
          : thrown.message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ")
      const fault = new Fault("usage", message, { hint: `\`${program.name()} --help\` shows what there is` })
      terminal.fail(fault)
      return exitCodeOf(fault)
    }
    terminal.fail(thrown instanceof Fault ? thrown : unexpected(thrown))
    return exitCodeOf(thrown)
  }
}

function excessWords({ args, registeredArguments: { length } }: Command): string {
  return length === 0
    ? `"${args[0]}" is no command and no option of it`
    : `"${args[length]}" is one argument too many`
}

function unexpected(thrown: unknown): Fault {
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  return new Fault("state-unknown", `unexpected: ${reason}`, {
    hint: "this is a bug in the program; look at the state",
  })
}
