import type { Argument, Command, Option } from "commander"

/** What stands in the place of an option's value or of an argument, and can be offered. */
export type Offer =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "files" | "folders" | "interfaces" | "hosts" | "nothing" }

/** Where fw-knock remembers hosts, a file each, below `$XDG_CONFIG_HOME` or `~/.config`. */
export const hostsFolder = "fw-knock/secrets"

/** Names of hosts and interfaces are made of these and nothing else: whatever else a file may be called is not offered. */
export const nameCharacters = "[:alnum:].:_@-"

/** By the name that the help has for it. */
const offersByName: readonly (readonly [RegExp, Offer])[] = [
  [/FILE$/, { kind: "files" }],
  [/FOLDER$/, { kind: "folders" }],
  [/HOST$/, { kind: "hosts" }],
  [/^INVENTORY$/, { kind: "files" }],
  [/^NAME$/, { kind: "interfaces" }],
]

function offerNamed(name: string): Offer {
  return offersByName.find(([pattern]) => pattern.test(name))?.[1] ?? { kind: "nothing" }
}

/** A command, and the words that lead to it from the program: `hosts import`. */
export interface CommandPlace {
  readonly path: string
  readonly command: Command
}

/** The commands of a program, each in front of its own. */
export function commandPlaces(program: Command, before = ""): readonly CommandPlace[] {
  return program.commands.flatMap((command) => {
    const path = `${before}${command.name()}`
    return [{ path, command }, ...commandPlaces(command, `${path} `)]
  })
}

/** The options that the help of a command lists. */
export function optionsOf(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command)
}

/** The value of an option that takes one: what its help lists, as in `disarm | reset | rollback`, else by its name. */
export function offerForOption({ required, description, flags }: Option): Offer | undefined {
  if (!required) return undefined
  const name = /<(.*)>/.exec(flags)?.[1] ?? ""
  const words = /(?:^|[ :])([\w-]+(?: \| [\w-]+)+)/.exec(description)?.[1]?.split(" | ")
  if (words !== undefined) return { kind: "words", words }
  return name.includes("|") ? { kind: "words", words: name.split("|") } : offerNamed(name)
}

/** An argument of a command: a command of the program, a file, a host. */
export function offerForArgument(program: Command, argument: Argument): Offer {
  if (argument.name() !== "COMMAND") return offerNamed(argument.name())
  return { kind: "words", words: program.commands.map((command) => command.name()) }
}
