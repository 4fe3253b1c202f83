import { existsSync } from "node:fs"
import { type Argument, Command, CommanderError } from "commander"
import { Fault } from "../../errors.ts"
import { exitCodeOf } from "../../report/outcome.ts"
import { holdsSecret } from "../../secrets/secret.ts"
import { packageVersion } from "../../system/installed-files.ts"
import { nearWord } from "./near-word.ts"
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
      subcommandTerm: (command) => [command.name(), ...argumentTerms(command)].join(" "),
    })
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .hook("preSubcommand", refuseOptionsInFront)
}

const termOf = (argument: Argument): string => `${argument.name()}${argument.variadic ? "..." : ""}`

const argumentTerms = ({ registeredArguments }: Command): string[] =>
  registeredArguments.map((argument) =>
    argument.required ? `<${termOf(argument)}>` : `[${termOf(argument)}]`,
  )

/** An option in front of a command would be the program's, and the command would never hear of it. */
function refuseOptionsInFront(program: Command, command: Command): void {
  const given = program.options.find(
    (option) => program.getOptionValueSource(option.attributeName()) === "cli",
  )
  if (given !== undefined)
    throw new Fault("usage", `${given.long} stands in front of ${command.name()}`, {
      hint: `options come behind the command: \`${program.name()} ${command.name()} ...\``,
    })
}

/** The last command of a program, and its last options: of the options' groups the one that was begun first is shown first. */
export function addHelpAndVersion(program: Command): Command {
  program
    .command("help", { hidden: true }) // its line is one more than a screen has
    .description("print the help, or that of a command")
    .argument("[COMMAND]", "one of this program's")
    .action((name: string | undefined) => {
      if (name === undefined) return program.help()
      const command = program.commands.find((one) => one.name() === name)
      if (command === undefined) throw noCommand(program, name)
      command.help()
    })
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
    refuseSecretArguments(args)
    await program.parseAsync([...args], { from: "user" })
    return await run()
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0
    const fault = thrown instanceof CommanderError ? mistake(program, thrown) : thrown
    terminal.fail(fault instanceof Fault ? fault : unexpected(fault))
    return exitCodeOf(fault)
  }
}

/**
 * A secret is typed, piped or in a file: arguments are in the process list, the shell's history, and the messages about them.
 * @throws Fault `usage` when one of them holds a secret, or most of one; nothing of it is repeated
 */
export function refuseSecretArguments(args: readonly string[]): void {
  if (!args.some(holdsSecret)) return
  throw new Fault("usage", "a secret was given as an argument, where others can read it: it was not used", {
    hint: "it is in the shell's history now, so take a new one; a secret is typed at the prompt, piped, or in a file of mode 0600",
  })
}

/** A mistake on the command line, as it is told. */
function mistake(program: Command, { code, message }: CommanderError): Fault {
  const command = commandOf(program)
  const { args, registeredArguments, commands } = command
  const length = registeredArguments.length
  const isExcess = code === "commander.excessArguments"
  if (code === "commander.unknownCommand" || (isExcess && length === 0 && commands.length > 0))
    return noCommand(command, args[0] ?? "")
  const name = fullName(command)
  const takes = `${name} takes ${registeredArguments.map(termOf).join(" ") || "none"}`
  const told = isExcess
    ? `"${args[length]}" is one argument too many: ${takes}`
    : code === "commander.missingArgument"
      ? `an argument is missing: ${takes}`
      : message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ")
  return new Fault("usage", told, { hint: `\`${name} --help\` shows what there is` })
}

/** A word in the place of a command, that is none. */
function noCommand(program: Command, word: string): Fault {
  const near = nearCommand(program, word)
  const hint =
    near === undefined
      ? `\`${fullName(program)} --help\` shows what there is`
      : `did you mean \`${fullName(near)}\`?`
  return new Fault("usage", `"${word}" is no command of ${fullName(program)}`, { hint })
}

function nearCommand({ commands }: Command, word: string): Command | undefined {
  const near = nearWord(
    word,
    commands.map((command) => command.name()),
  )
  return commands.find((command) => command.name() === near)
}

/**
 * For a program that takes a FILE where others take commands.
 * @throws Fault `usage` when there is no such file, and a command is called nearly so
 */
export function refuseMistypedCommand(program: Command, file: string): void {
  const near = nearCommand(program, file)
  if (near === undefined || existsSync(file)) return
  throw new Fault("usage", `"${file}" is no file here and no command of ${program.name()}`, {
    hint: `did you mean \`${fullName(near)}\`?`,
  })
}

/** The command that the arguments had come to. */
function commandOf(program: Command): Command {
  const next = program.commands.find((command) => command.name() === program.args[0])
  return next === undefined ? program : commandOf(next)
}

const fullName = (command: Command): string =>
  command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`

function unexpected(thrown: unknown): Fault {
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  return new Fault("state-unknown", `unexpected: ${reason}`, {
    hint: "this is a bug in the program; look at the state",
  })
}
