import type { Command } from "commander"
import {
  commandPlaces,
  hostsFolder,
  nameCharacters,
  type Offer,
  offerForArgument,
  offerForOption,
  optionsOf,
} from "./offers.ts"

/** compgen expands its words as the shell would: nothing but what names are made of gets there. */
const namesOf = (command: string): string =>
  `compgen -W "$(${command} 2>/dev/null | grep -xE '[${nameCharacters}]+')" -- "$cur"`

/** The command that prints what is offered. */
function printed(offer: Offer): string {
  switch (offer.kind) {
    case "words":
      return `compgen -W "${offer.words.join(" ")}" -- "$cur"`
    case "files":
      return 'compgen -f -- "$cur"'
    case "folders":
      return 'compgen -d -- "$cur"'
    case "interfaces":
      return namesOf("ls /sys/class/net")
    case "hosts":
      return namesOf(`ls "\${XDG_CONFIG_HOME:-$HOME/.config}/${hostsFolder}"`)
    case "nothing":
      return ""
  }
}

function offering(offer: Offer): string {
  if (offer.kind === "nothing") return ":"
  const adds = `COMPREPLY+=($(${printed(offer)}))`
  return offer.kind === "files" || offer.kind === "folders" ? `compopt -o filenames; ${adds}` : adds
}

/** bash's completion for one program: its commands, every command's options, their values, and arguments. */
export function bashCompletion(program: Command): string {
  const name = program.name()
  const places = commandPlaces(program)
  const shell = `_${name.replaceAll("-", "_")}`
  const lines = [
    `# bash completion for ${name}, generated from its own definitions`,
    `${shell}() {`,
    '  local cur=$2 prev=$3 command="" word',
    // To bash a colon ends a word; hosts have them.
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: bash's
    "  local typed=${COMP_LINE:0:COMP_POINT}",
    "  typed=${typed##*[[:space:]]}",
    "  [[ $typed != *:* ]] || cur=$typed",
    "  COMPREPLY=()",
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    case "$command" in',
    ...[{ path: "", command: program }, ...places]
      .filter(({ command }) => command.commands.length > 0)
      .map(({ path, command }) => {
        const names = command.commands.map((each) => each.name()).join(" | ")
        const longer = path === "" ? "$word" : `"${path} $word"`
        return `      "${path}") case $word in ${names}) command=${longer} ;; esac ;;`
      }),
    "    esac",
    "  done",
    `  ${shell}_offers`,
    '  [[ $typed != *:* ]] || COMPREPLY=("${COMPREPLY[@]#"${typed%"${typed##*:}"}"}")',
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: bash's
    "}",
    `${shell}_offers() {`,
    ...valueCases(program),
    '  case "$command" in',
    ...places.map(({ path, command }) => `    "${path}") ${offered(program, command)} ;;`),
    `    *) ${offered(program, program)} ;;`,
    "  esac",
    "}",
    `complete -F ${shell} ${name}`,
  ]
  return `${lines.join("\n")}\n`
}

/** Behind an option that takes a value, that value and nothing else. */
function valueCases(program: Command): string[] {
  const places = new Map<string, string[]>()
  for (const { path, command } of [{ path: "", command: program }, ...commandPlaces(program)])
    for (const option of optionsOf(command)) {
      const offer = offerForOption(option)
      if (offer === undefined || !option.long) continue
      const place = `"${path} ${option.long}"`
      places.set(offering(offer), [...(places.get(offering(offer)) ?? []), place])
    }
  return [
    '  case "$command $prev" in',
    ...[...places].map(([action, all]) => `    ${all.join(" | ")}) ${action}; return ;;`),
    "  esac",
  ]
}

/** Options where a word begins with a dash, else commands and what the command's arguments can be. */
function offered(program: Command, command: Command): string {
  const longs = optionsOf(command).map(({ long, short }) => long ?? short ?? "")
  const words = [
    ...command.registeredArguments.map((argument) => offerForArgument(program, argument)),
    { kind: "words", words: command.commands.map((each) => each.name()) } as const,
  ].filter((offer) => offer.kind !== "words" || offer.words.length > 0)
  const actions = words.map(offering).join("; ") || ":"
  return `if [[ $cur == -* ]]; then ${offering({ kind: "words", words: longs })}; else ${actions}; fi`
}
