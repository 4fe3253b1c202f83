import type { Command } from "commander"
import {
  type CommandPlace,
  commandPlaces,
  hostsFolder,
  nameCharacters,
  type Offer,
  offerForArgument,
  offerForOption,
  optionsOf,
} from "./offers.ts"

const quoted = (text: string): string => `'${text.replace(/[\\']/g, "\\$&")}'`

/** The names of fish's options for what completes a value. */
function candidates(program: string, offer: Offer): string {
  switch (offer.kind) {
    case "words":
      return `-f -a ${quoted(offer.words.join(" "))}`
    case "files":
      return "-F"
    case "folders":
      return "-f -a '(__fish_complete_directories)'"
    case "interfaces":
    case "hosts":
      return `-f -a '(${functionName(program, offer.kind)})'`
    case "nothing":
      return "-f"
  }
}

const functionName = (program: string, kind: string): string => `__${program.replaceAll("-", "_")}_${kind}`

/** fish's completion for one program. */
export function fishCompletion(program: Command): string {
  const name = program.name()
  const commands = program.commands
  const names = commands.map((command) => command.name()).join(" ")
  const noCommand = `not __fish_seen_subcommand_from ${names}`
  const lines = [
    `# fish completion for ${name}, generated from its own definitions`,
    ...offeredNames(name, "interfaces", "/sys/class/net"),
    ...offeredNames(name, "hosts", `$config/${hostsFolder}`),
    "",
    `complete -c ${name} -f`,
    ...commands.map(
      (command) =>
        `complete -c ${name} -n ${quoted(noCommand)} -a ${command.name()} -d ${quoted(command.description())}`,
    ),
    ...offered(program, program, noCommand),
    ...commandPlaces(program).flatMap((place) => inside(program, place)),
  ]
  return `${lines.join("\n")}\n`
}

/** The commands of a command, its options and its arguments, where its words have been typed and no others of theirs. */
function inside(program: Command, { path, command }: CommandPlace): string[] {
  const groups = program.commands.filter(
    (each) => each.commands.length > 0 && each.name() !== path.split(" ")[0],
  )
  const condition = [
    ...path.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`),
    ...groups.map((group) => `not __fish_seen_subcommand_from ${group.name()}`),
  ].join("; and ")
  const names = command.commands.map((each) => each.name())
  const noCommand = `${condition}; and not __fish_seen_subcommand_from ${names.join(" ")}`
  return [
    ...command.commands.map(
      (each) =>
        `complete -c ${program.name()} -n ${quoted(noCommand)} -a ${each.name()} -d ${quoted(each.description())}`,
    ),
    ...offered(program, command, names.length === 0 ? condition : noCommand),
  ]
}

/** The options and arguments of one command, where `condition` holds. */
function offered(program: Command, command: Command, condition: string): string[] {
  const name = program.name()
  const start = `complete -c ${name} -n ${quoted(condition)}`
  const options = optionsOf(command).map((option) => {
    const offer = offerForOption(option)
    const flags = [
      ...(option.short === undefined ? [] : [`-s ${option.short.slice(1)}`]),
      ...(option.long === undefined ? [] : [`-l ${option.long.slice(2)}`]),
      ...(offer === undefined ? [] : ["-r", candidates(name, offer)]),
    ]
    return `${start} ${flags.join(" ")} -d ${quoted(option.description)}`
  })
  const all = command.registeredArguments.map((argument) => offerForArgument(program, argument))
  const shown = all.filter(({ kind }) => kind !== "nothing")
  return [...options, ...shown.map((offer) => `${start} ${candidates(name, offer)}`)]
}

/** A function that prints what the files in a folder are called, where that is a name. */
function offeredNames(program: string, kind: "interfaces" | "hosts", folder: string): string[] {
  const inConfig = [
    "    set -l config $HOME/.config",
    '    test -n "$XDG_CONFIG_HOME"; and set config $XDG_CONFIG_HOME',
  ]
  return [
    `function ${functionName(program, kind)}`,
    ...(folder.startsWith("$config") ? inConfig : []),
    `    command ls ${folder} 2>/dev/null | string match -r '^[${nameCharacters}]+$'`,
    "end",
  ]
}
