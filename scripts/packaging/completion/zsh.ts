import type { Command, Option } from "commander"
import {
  hostsFolder,
  nameCharacters,
  type Offer,
  offerForArgument,
  offerForOption,
  optionsOf,
} from "./offers.ts"

/** A word of zsh's, whatever is in it. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** Within a specification of _arguments a colon and brackets end a part of it. */
const escaped = (text: string): string => text.replace(/[\\:[\]]/g, "\\$&")

/** The last part of a specification: what completes the value. */
function action(program: string, offer: Offer): string {
  switch (offer.kind) {
    case "words":
      return `(${offer.words.join(" ")})`
    case "files":
      return "_files"
    case "folders":
      return "_files -/"
    case "interfaces":
    case "hosts":
      return `_${program}_${offer.kind}`
    case "nothing":
      return " "
  }
}

/** zsh's completion for one program, for a folder of $fpath, by the name `_PROGRAM`. */
export function zshCompletion(program: Command): string {
  const name = program.name()
  const commands = program.commands
  const lines = [
    `#compdef ${name}`,
    `# zsh completion for ${name}, generated from its own definitions`,
    "",
    ...offeredNames(name, "interfaces", "/sys/class/net"),
    ...offeredNames(name, "hosts", `\${XDG_CONFIG_HOME:-$HOME/.config}/${hostsFolder}`),
    `_${name}_commands() {`,
    "  local -a commands=(",
    ...commands.map((command) => `    ${quoted(`${command.name()}:${command.description()}`)}`),
    "  )",
    "  _describe -t commands command commands",
    "}",
    "",
    `_${name}() {`,
    "  local curcontext=$curcontext state line ret=1",
    "  typeset -A opt_args",
    "  _arguments -C \\",
    ...specifications(name, program),
    `    '1: :->first' '*:: :->rest' && ret=0`,
    "  case $state in",
    ...firstWord(program),
    "    rest)",
    "      case $line[1] in",
    ...commands.flatMap((command) => inside(program, command)),
    "      esac ;;",
    "  esac",
    "  return ret",
    "}",
    "",
    `_${name} "$@"`,
  ]
  return `${lines.join("\n")}\n`
}

/** A command behind its name: options and arguments, or its own commands and theirs. */
function inside(program: Command, command: Command): string[] {
  const name = program.name()
  const own = specifications(name, command).map((specification) => `        ${specification}`)
  const start = `        ${command.name()})`
  if (command.commands.length === 0)
    return [start, "          _arguments \\", ...own, ...argumentsOf(program, command), "          ;;"]
  const names = command.commands.map((each) => each.name()).join(" ")
  return [
    start,
    "          _arguments -C \\",
    ...own,
    `            '1: :(${names})' '*:: :->more' && ret=0`,
    "          if [[ $state == more ]]; then case $line[1] in",
    ...command.commands.flatMap((each) => inside(program, each)),
    "          esac; fi",
    "          ;;",
  ]
}

/** The first word: a command, or what the program itself takes. */
function firstWord(program: Command): string[] {
  const name = program.name()
  const offers = program.registeredArguments.map(
    (argument) =>
      `${argument.name()}:${argument.name()}:${action(name, offerForArgument(program, argument))}`,
  )
  const all = [`commands:command:_${name}_commands`, ...offers].map(quoted)
  return ["    first)", `      _alternative ${all.join(" ")} && ret=0 ;;`]
}

/** A line for each option, and for both of its names where it has two. */
function specifications(program: string, command: Command): string[] {
  return optionsOf(command).map((option) => `    ${specificationsOf(program, option).join(" ")} \\`)
}

function specificationsOf(program: string, option: Option): string[] {
  const { short, long, flags, description } = option
  const names = [short, long].filter((name) => name !== undefined)
  const offer = offerForOption(option)
  const value =
    offer === undefined ? "" : `:${escaped(/<(.*)>/.exec(flags)?.[1] ?? "")}:${action(program, offer)}`
  const again = description.includes("repeatable") ? "*" : names.length > 1 ? `(${names.join(" ")})` : ""
  return names.map((name) => quoted(`${again}${name}[${escaped(description)}]${value}`))
}

function argumentsOf(program: Command, command: Command): string[] {
  const all = command.registeredArguments.map((argument, index) => {
    const place = argument.variadic ? "*" : String(index + 1)
    return quoted(
      `${place}:${escaped(argument.name())}:${action(program.name(), offerForArgument(program, argument))}`,
    )
  })
  return [`            ${all.length === 0 ? "&& ret=0" : `${all.join(" ")} && ret=0`}`]
}

/** A function that offers what the files in a folder are called, where that is a name. */
function offeredNames(program: string, kind: "interfaces" | "hosts", folder: string): string[] {
  return [
    `_${program}_${kind}() {`,
    "  setopt localoptions extendedglob",
    `  local -a names=(${folder}/*(N:t))`,
    `  names=(\${(M)names:#[${nameCharacters}]##})`,
    "  _wanted names expl name compadd -a names",
    "}",
    "",
  ]
}
