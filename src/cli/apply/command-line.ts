import type { Command } from "commander"
import { Fault } from "../../errors.ts"
import { addHelpAndVersion, newProgram, refuseMistypedCommand, runProgram } from "../terminal/commander.ts"
import { openTerminal, type ProgramHost, type Terminal } from "../terminal/terminal.ts"
import type { ViewerSignals } from "../watchdog/viewer.ts"
import { type ApplyOptionTexts, checkApplyOptions } from "./options.ts"

const example = `Example:
  sudo fw-apply rules.sh                  change; back in 1m if unconfirmed
  ssh -S none web1 sudo fw-apply confirm  from the workstation: keeps them
`

/**
 * `fw-apply`: parses the command line and runs it.
 * @param args the arguments behind the program's name
 * @returns the exit code; whatever went wrong has been said
 */
export async function applyMain(
  args: readonly string[],
  host: ProgramHost,
  signals: ViewerSignals,
): Promise<number> {
  let chosen: () => Promise<number> = async () => {
    throw new Fault("usage", "no FILE was given", { hint: "`fw-apply --help` shows examples" })
  }
  const program = applyProgram(host, signals, (run) => {
    chosen = run
  })
  return await runProgram(program, args, host, () => chosen())
}

/**
 * The command line of `fw-apply` as commander knows it; completion and the manual's test read it too.
 * @param choose takes what the command line that was parsed asks for
 */
export function applyProgram(
  host: ProgramHost,
  signals: ViewerSignals,
  choose: (run: () => Promise<number>) => void,
): Command {
  const program = newProgram("fw-apply", host)
  program
    .description(
      "Change firewall rules in one step, rehearsed, and back by itself unless you prove that you still get in.",
    )
    .usage("FILE [options] | confirm | rollback")
    .addHelpText("before", example)
    .argument("[FILE]", "a script of iptables lines, iptables-save, ipset save or nft; - is stdin")
    .optionsGroup("What is done:")
    .option("--check", "change nothing; exit code 5: would change")
    .option("--print <FOLDER>", "write them as files, or - shows; no change")
    .option("--confirm-within <TIME>", "or everything goes back", "1m")
    .option("--no-confirm", "stay unconfirmed: for automation")
    .option("--detach", "return at once; the guard sees to the rest")
    .option("--save", "load them at boot too, once confirmed")
    .option("--replace-all", "those of Docker, fail2ban and such too")
    .option("--force", "go on although a check refuses")
    .optionsGroup("What is read, and from whom:")
    .option("--format <KIND>", "shell | iptables-save | ipset-save | nft")
    .option("--family <4|6>", "of a file of iptables-save, else by content and name")
    .option("--timeout <TIME>", "the rehearsal's limit", "5m")
    .option("--from <ADDRESS>", "where you come from, else this ssh login")
    .option("--to <PORT>", "where you come in, such as tcp/22; likewise")
    .option("--secret-file <FILE>", "secrets of knocks; else one is shown")
    .option("--json", "one JSON object a line on stdout")
    .addOption(program.createOption("--marked", "each outcome as an object too, behind 0x1e").hideHelp())
    .allowExcessArguments(false)
    .action((file: string | undefined, texts: ApplyOptionTexts) => {
      if (file === undefined) return
      choose(async () => {
        refuseMistypedCommand(program, file)
        const options = checkApplyOptions(file, texts)
        const terminal = openTerminal("fw-apply", host, { json: options.json, separated: options.marked })
        return await (await import("./change.ts")).applyFile(options, terminal, host, signals)
      })
    })
  const answer = (name: "confirm" | "rollback", what: string): void => {
    program
      .command(name)
      .description(what)
      .option("--json", "one JSON object on standard output")
      .action((options: { json?: boolean }) => {
        choose(async () => {
          const terminal: Terminal = openTerminal("fw-apply", host, { json: options.json ?? false })
          return await (await import("./confirm-rollback.ts"))[name](terminal, host)
        })
      })
  }
  answer("confirm", "keep the change: from a new connection only")
  answer("rollback", "go back now")
  return addHelpAndVersion(program)
}
