import type { Command, Option } from "commander"

/** compgen expands its words as the shell would: nothing but what host and interface names are made of gets there. */
const offeredLines = (command: string): string =>
  `COMPREPLY=($(compgen -W "$(${command} 2>/dev/null | grep -xE '[[:alnum:].:_@-]+')" -- "$cur"))`

/** What an option's or argument's value is completed with, by the name it has in the help. */
const valueCompletions: Readonly<Record<string, string>> = {
  FILE: 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))',
  NAME: offeredLines("ls /sys/class/net"),
  FOLDER: 'compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur"))',
  HOST: offeredLines(`ls "\${XDG_CONFIG_HOME:-$HOME/.config}/fw-knock/secrets"`),
}

/**
 * bash's completion for one program: its commands, every command's options, the values an option lists in its help (as in
 * `disarm | reset | rollback`), files, interfaces, and the hosts that fw-knock remembers.
 */
export function bashCompletion(program: Command): string {
  const name = program.name()
  const commands = program.commands
  const lines = [
    `# bash completion for ${name}, generated from its own definitions`,
    `_${name.replace("-", "_")}() {`,
    '  local cur=$2 prev=$3 command="" word',
    "  COMPREPLY=()",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: bash's
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    `    case $word in ${commands.map((command) => command.name()).join(" | ")}) command=$word && break ;; esac`,
    "  done",
    ...valueCases(program),
    '  case "$command" in',
    ...commands.map((command) => `    ${command.name()}) ${offered(command)} ;;`),
    `    *) ${offered(program)} ;;`,
    "  esac",
    "}",
    `complete -F _${name.replace("-", "_")} ${name}`,
  ]
  return `${lines.join("\n")}\n`
}

/** Behind an option that takes a value, that value and nothing else. */
function valueCases(program: Command): string[] {
  const cases = new Map<string, string>()
  for (const option of [program, ...program.commands].flatMap(shownOptions)) {
    if (!option.required || option.long === undefined) continue
    const words = /(?:^|[ :])([\w-]+(?: \| [\w-]+)+)/.exec(option.description)?.[1]?.split(" | ")
    const value = /<(.*)>/.exec(option.flags)?.[1] ?? ""
    cases.set(
      option.long,
      words === undefined
        ? (valueCompletions[value] ?? "") // nothing to offer, and no option either
        : `COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$cur"))`,
    )
  }
  return [
    '  case "$prev" in',
    ...[...cases].map(
      ([long, action]) => `    ${long}) ${action === "" ? "return" : `${action}; return`} ;;`,
    ),
    "  esac",
  ]
}

/** Options where a word begins with a dash, else commands or the command's arguments. */
function offered(command: Command): string {
  const options = `COMPREPLY=($(compgen -W "${shownOptions(command)
    .map((option) => option.long ?? option.short)
    .join(" ")}" -- "$cur"))`
  const argument = command.registeredArguments[0]
  const commands = command.commands.map((each) => each.name()).join(" ")
  const actions = [
    ...(argument === undefined ? [] : [valueCompletions[argument.name()] ?? ":"]),
    ...(commands === "" ? [] : [`COMPREPLY+=($(compgen -W "${commands}" -- "$cur"))`]),
  ]
  const words = actions.length === 0 ? undefined : actions.join("; ")
  return words === undefined ? options : `if [[ $cur == -* ]]; then ${options}; else ${words}; fi`
}

const shownOptions = (command: Command): readonly Option[] => command.createHelp().visibleOptions(command)
