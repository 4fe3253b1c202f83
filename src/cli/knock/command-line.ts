import { type Command, Option } from "commander"
import { Fault } from "../../errors.ts"
import { type Verb, verbNames, verbs, verbsThat } from "../../knock/verbs.ts"
import { addHelpAndVersion, newProgram, runProgram } from "../terminal/commander.ts"
import type { ProgramHost } from "../terminal/terminal.ts"
import { addHostsCommand, type HostsCommands } from "./fleet/command-line.ts"
import { addFleetOptions } from "./fleet/options.ts"
import type { KnockOptionTexts } from "./options.ts"
import { addSshCommands, type SshCommands, sshCommandNames } from "./over-ssh/command-line.ts"

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

/** The commands of `fw-knock`; each reports by itself and returns the exit code. */
export interface KnockCommands extends SshCommands, HostsCommands {
  knock(verb: Verb, hosts: readonly string[], texts: KnockOptionTexts): Promise<number>
  secret(name: "secret" | "remember" | "forget", target: string, json: boolean): Promise<number>
}

/**
 * Reads the command line of `fw-knock` and runs the command that it asks for.
 * @returns the exit code of the command, or that of a command line that is none
 */
export async function runKnockProgram(
  args: readonly string[],
  host: ProgramHost,
  commands: KnockCommands,
): Promise<number> {
  let chosen: () => Promise<number> = nothingChosen
  const choose = (run: () => Promise<number>): void => {
    chosen = run
  }
  const program = knockProgram(host, commands, choose, args[0])
  // With an action of its own, commander would no longer know that "rset" is near "reset".
  if (args.length === 0) program.action(() => {})
  return await runProgram(program, args, host, () => chosen())
}

/**
 * The command line of `fw-knock` as commander knows it; completion and the manual's test read it too.
 * @param choose takes what was asked for
 * @param first the first argument. If it names a command, no other is made: that would be a millisecond of a knock's way to
 *   the wire, and what stands behind a command's name is nobody else's business
 */
export function knockProgram(
  host: ProgramHost,
  commands: KnockCommands,
  choose: (run: () => Promise<number>) => void,
  first?: string,
): Command {
  const program = newProgram("fw-knock", host)
    .description("Knock at a server where fw-watchdog listens below the firewall, and say what it answered.")
    .usage("COMMAND HOST... [options]")
    .addHelpText("beforeAll", example)
  const names = [...verbNames, ...secretCommands.map(({ name }) => name), "list", "hosts", ...sshCommandNames]
  const only = names.find((name) => name === first)
  const wanted = (name: string): boolean => only === undefined || name === only
  for (const verb of verbNames.filter(wanted))
    addKnockOptions(program.command(verb).description(verbs[verb].help), verbs[verb]).action(
      (hosts: string[], texts: KnockOptionTexts) => choose(() => commands.knock(verb, hosts, texts)),
    )
  for (const { name, help, json } of secretCommands.filter(({ name }) => wanted(name))) {
    const command = program.command(name).description(help).argument("<HOST>", "a name or an address")
    if (json) command.option("--json", "one JSON object on standard output")
    command.action((target: string, options: { json?: boolean }) =>
      choose(() => commands.secret(name, target, options.json ?? false)),
    )
  }
  if (wanted("list"))
    program
      .command("list")
      .description("show the hosts that are kept here")
      .option("--json", "one JSON object for each host on standard output")
      .action((options: { json?: boolean }) => choose(() => commands.list(options.json ?? false)))
  if (wanted("hosts")) addHostsCommand(program, choose, commands)
  addSshCommands(program, wanted, choose, commands)
  return only === undefined ? addHelpAndVersion(program) : program
}

async function nothingChosen(): Promise<number> {
  throw new Fault("usage", `no command was given: ${verbsThat(() => true, "or")} and a HOST is wanted`, {
    hint: "`fw-knock --help` shows examples",
  })
}

/** Options that a verb does not take are hidden, and still read: whoever gives one is told what it goes with (options.ts). */
function addKnockOptions(command: Command, properties: (typeof verbs)[Verb]): Command {
  const { opens, needsChallenge, needsConnection } = properties
  const addFor = (takes: boolean, flags: string, what: string): Command =>
    command.addOption(takes ? new Option(flags, what) : new Option(flags, what).hideHelp())
  command.argument("[HOST...]", "names, addresses, @GROUP, or @all; several are knocked at together")
  addFleetOptions(command, properties)
  addFor(opens, "--hard", "clear nat, owned tables and what a plain reset spares")
  command.option(
    "--secret-file <FILE>",
    "the secret's file, mode 0600, or - for standard input (default: the remembered one)",
  )
  addFor(opens, "--plain <TEXT>", "send this bare text instead of a knock, for a server armed with --plain")
  command.option("--wait <DURATION>", "how long to send and wait for the answer", "10s")
  addFor(!needsChallenge, "--one-way", "be believed without a challenge from the first packet on")
  command.option(
    "--check <PORT>",
    `the TCP port to ${needsConnection ? "connect to first" : "look at afterwards"} (default: HOST's ssh port, tcp/22)`,
  )
  addFor(!needsConnection, "--no-check", "do not look at any port")
  return command
    .option("--road <ROAD>", "only by this road: icmp, or tcp/PORT (default: both)")
    .option("--via <JUMP>", "the host that sends, or none (default: as at arming)")
    .option("--ssh <COMMAND>", "the ssh for --via", "ssh")
    .option("-4, --ipv4", "only over IPv4")
    .option("-6, --ipv6", "only over IPv6")
    .option("--first <N>", "N hosts first, the others once these have ended well")
    .option("--max-fail <N>", "begin with no other host when more than N have failed")
    .option("--failed <FILE>", "write the hosts that failed into FILE, one a line")
    .option("--rate <N>", "begin with N hosts a second at most")
    .option("--json", "one JSON object for each host, and one for all")
}
