import type { Command } from "commander"
import { Fault } from "../../errors.ts"
import { verbNames, verbs, verbsThat } from "../../knock/verbs.ts"
import { addVersion, newProgram, runProgram } from "../terminal/commander.ts"
import type { ProgramHost } from "../terminal/terminal.ts"
import { knockOptions, type TypedKnock } from "./arguments.ts"
import type { KnockOptionTexts } from "./options.ts"

const example = `Example:
  fw-knock remember web1        keep the secret that fw-watchdog showed there
  fw-knock probe web1           does a knock get there? Changes nothing
  fw-knock reset web1           locked out: open the firewall of web1
`

const secretCommands = [
  { name: "secret", help: "print a new secret line for HOST", json: false },
  { name: "remember", help: "keep a secret for HOST, asked for or from a pipe", json: true },
  { name: "forget", help: "remove the secret that is kept for HOST", json: true },
] as const

/** What `fw-knock` can be asked for; each reports by itself and returns the exit code. */
export interface KnockCommands {
  knock(typed: TypedKnock): Promise<number>
  secret(name: "secret" | "remember" | "forget", target: string, json: boolean): Promise<number>
}

/**
 * The command line of `fw-knock`, read by commander: help, and every mistake in words.
 * @returns the exit code of the command, or that of a command line that is none
 */
export async function runKnockProgram(
  args: readonly string[],
  host: ProgramHost,
  commands: KnockCommands,
): Promise<number> {
  let chosen: () => Promise<number> = nothingChosen
  const program = knockProgram(host, commands, (run) => {
    chosen = run
  })
  // With an action of its own, commander would no longer know that "rset" is near "reset".
  if (args.length === 0) program.action(() => {})
  return await runProgram(program, args, host, () => chosen())
}

/** The same as commander knows it; completion and the manual's test read it too. @param choose takes what was asked for */
export function knockProgram(
  host: ProgramHost,
  commands: KnockCommands,
  choose: (run: () => Promise<number>) => void,
): Command {
  const program = newProgram("fw-knock", host)
    .description("Knock at a server where fw-watchdog listens below the firewall, and say what it answered.")
    .usage("COMMAND HOST... [options]")
    .addHelpText("beforeAll", example)
  for (const verb of verbNames)
    addKnockOptions(program.command(verb))
      .description(verbs[verb].help)
      .argument("<HOST...>", "names or addresses, IPv4 or IPv6; several are knocked at together")
      .action((hosts: string[], texts: KnockOptionTexts) => {
        choose(() => commands.knock({ verb, hosts, texts }))
      })
  for (const { name, help, json } of secretCommands) {
    const command = program.command(name).description(help).argument("<HOST>", "a name or an address")
    if (json) command.option("--json", "one JSON object on standard output")
    command.action((target: string, options: { json?: boolean }) => {
      choose(() => commands.secret(name, target, options.json ?? false))
    })
  }
  return addVersion(program)
}

async function nothingChosen(): Promise<number> {
  throw new Fault("usage", `no command was given: ${verbsThat(() => true, "or")} and a HOST is wanted`, {
    hint: "`fw-knock --help` shows examples",
  })
}

function addKnockOptions(command: Command): Command {
  for (const { long, short, value, default: fallback, help } of knockOptions) {
    const flags = `${short === undefined ? "" : `-${short}, `}--${long}${value === undefined ? "" : ` <${value}>`}`
    if (fallback === undefined) command.option(flags, help)
    else command.option(flags, help, fallback)
  }
  return command
}
