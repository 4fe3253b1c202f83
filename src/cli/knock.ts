import type { Command } from "commander"
import { Fault } from "../errors.ts"
import type { Verb } from "../knock/request.ts"
import { exitCodeFor, exitCodeOf, outcomeOfFault, worstOf } from "../report/outcome.ts"
import { checkKnockOptions, type KnockOptions, type KnockOptionTexts } from "./knock-options.ts"
import { newProgram, runProgram } from "./program.ts"
import { openTerminal, type ProgramHost, type Terminal } from "./terminal.ts"

const example = `Example:
  fw-knock remember web1        keep the secret that fw-watchdog showed on web1; it is asked for
  fw-knock probe web1           does a knock get there and its answer back? Changes nothing
  fw-knock reset web1           locked out: open the firewall of web1
`

const verbs: readonly { readonly verb: Verb; readonly description: string }[] = [
  { verb: "reset", description: "open the firewall there: flush and accept all" },
  { verb: "probe", description: "ask whether a reset would arrive and be answered; changes nothing" },
  { verb: "rollback", description: "go back to the rules that were in force when the session was armed" },
  {
    verb: "confirm",
    description: "keep the change that fw-apply made: proves with a new TCP connection that you get in",
  },
]

/** Milliseconds that never step, finer than the clock of the boot time: what a round trip is measured with. */
const monotonicMs = (): number => performance.now()

/**
 * `fw-knock`: parses the command line and runs it.
 * @param args the arguments behind the program's name
 * @returns the exit code, DESIGN 4: the worst of all hosts; whatever went wrong has been said
 */
export async function knockMain(args: readonly string[], host: ProgramHost): Promise<number> {
  let chosen: () => Promise<number> = nothingChosen
  const program = newProgram("fw-knock", host)
    .description("Knock at a server where fw-watchdog listens below the firewall, and say what it answered.")
    .usage("reset|probe|rollback|confirm HOST... [options] | secret|remember|forget HOST")
    .addHelpText("beforeAll", example)
  for (const { verb, description } of verbs)
    addKnockOptions(program.command(verb))
      .description(description)
      .action((hosts: string[], texts: KnockOptionTexts) => {
        chosen = async () => await knock(checkKnockOptions(verb, hosts, texts), host)
      })
  addSecretCommands(program, host, (run) => {
    chosen = run
  })
  // With an action of its own, commander would no longer know that "rset" is near "reset".
  if (args.length === 0) program.action(() => {})
  return await runProgram(program, args, host, () => chosen())
}

async function nothingChosen(): Promise<number> {
  throw new Fault("usage", "no command was given: reset, probe, rollback or confirm and a HOST is wanted", {
    hint: "`fw-knock --help` shows examples",
  })
}

function addKnockOptions(command: Command): Command {
  return command
    .argument("<HOST...>", "names or addresses, IPv4 or IPv6; several are knocked at together")
    .option("--hard", "reset: clear nat, owned tables and what else a plain reset leaves alone, too")
    .option(
      "--secret-file <FILE>",
      "the secret's file, mode 0600, or - for standard input (default: the remembered one)",
    )
    .option(
      "--plain <TEXT>",
      "reset: send this bare text instead of a knock, for a server armed with --plain",
    )
    .option("--wait <DURATION>", "how long to send and wait for the answer", "10s")
    .option("--one-way", "reset, probe: ask to be believed without a challenge from the first packet on")
    .option("--check <PORT>", "the TCP port to look at afterwards", "tcp/22")
    .option("--no-check", "do not look at any port")
    .option("-4, --ipv4", "only over IPv4")
    .option("-6, --ipv6", "only over IPv6")
    .option("--json", "one JSON object for each host on standard output")
}

function addSecretCommands(
  program: Command,
  host: ProgramHost,
  choose: (run: () => Promise<number>) => void,
): void {
  const commands = [
    { name: "secret", description: "print a new secret line for HOST", json: false },
    {
      name: "remember",
      description: "keep a secret for HOST, asked for or read from standard input",
      json: true,
    },
    { name: "forget", description: "remove the secret that is kept for HOST", json: true },
  ] as const
  for (const { name, description, json } of commands) {
    const command = program.command(name).description(description).argument("<HOST>", "a name or an address")
    if (json) command.option("--json", "one JSON object on standard output")
    command.action((target: string, options: { json?: boolean }) => {
      choose(async () => {
        const secrets = await import("./knock-secret-commands.ts")
        const terminal = openTerminal("fw-knock", host, options)
        return await saying(terminal, { host: target }, () => secrets[name](target, terminal, host))
      })
    })
  }
}

async function knock(options: KnockOptions, host: ProgramHost): Promise<number> {
  const terminal = openTerminal("fw-knock", host, { json: options.json })
  return await saying(terminal, { verb: options.verb }, async () => {
    const [{ secretsFor }, { knockAtHosts }, { openKnocker }, { systemClock }, { randomBytes }] =
      await Promise.all([
        import("./knock-secrets.ts"),
        import("./knock-hosts.ts"),
        import("../sender/send.ts"),
        import("../clock.ts"),
        import("node:crypto"),
      ])
    const secrets =
      options.plain === undefined
        ? await secretsFor(options.hosts, options.secretFile, terminal, host)
        : new Map()
    const clock = { ...systemClock, bootMs: monotonicMs }
    const knocker = openKnocker({ clock, random: randomBytes })
    try {
      const outcomes = await knockAtHosts(options, secrets, { clock, knocker, terminal })
      if (outcomes.length > 1 && !terminal.json)
        terminal.say(summary(outcomes.map((outcome) => outcome.event)))
      return exitCodeFor(worstOf(outcomes.map((outcome) => outcome.code)))
    } finally {
      knocker.close()
    }
  })
}

/** With --json a fault is an object too; without, it is said by who runs the program. */
async function saying(
  terminal: Terminal,
  facts: { readonly [key: string]: string },
  run: () => Promise<number>,
): Promise<number> {
  try {
    return await run()
  } catch (thrown) {
    if (!terminal.json) throw thrown
    terminal.report(outcomeOfFault(thrown, facts))
    return exitCodeOf(thrown)
  }
}

/** `3 hosts: 2 opened, 1 no-answer` */
function summary(events: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const event of events) counts.set(event, (counts.get(event) ?? 0) + 1)
  return `${events.length} hosts: ${[...counts].map(([event, count]) => `${count} ${event}`).join(", ")}`
}
