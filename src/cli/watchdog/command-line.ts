import type { Command, Option } from "commander"
import { addHelpAndVersion, newProgram, runProgram } from "../terminal/commander.ts"
import { parseDuration } from "../terminal/duration.ts"
import { openTerminal, type ProgramHost, type Terminal } from "../terminal/terminal.ts"
import { type ArmOptionTexts, addArmOptions, checkArmOptions } from "./arm-options.ts"
import type { EnrollTexts } from "./enroll.ts"
import type { ViewerSignals } from "./viewer.ts"

const example = `Example, before you touch a remote firewall:
  sudo fw-watchdog          arm for 30m; says what to do next
`

/**
 * `fw-watchdog`: parses the command line and runs it.
 * @param args the arguments behind the program's name
 * @returns the exit code; whatever went wrong has been said.
 */
export async function watchdogMain(
  args: readonly string[],
  host: ProgramHost,
  signals: ViewerSignals,
): Promise<number> {
  let chosen: () => Promise<number> = async () => 0
  const program = watchdogProgram(host, signals, (run) => {
    chosen = run
  })
  return await runProgram(program, args, host, () => chosen())
}

/**
 * The command line of `fw-watchdog` as commander knows it; completion and the manual's test read it too.
 * @param choose takes what the command line that was parsed asks for
 */
export function watchdogProgram(
  host: ProgramHost,
  signals: ViewerSignals,
  choose: (run: () => Promise<number>) => void,
): Command {
  const program = newProgram("fw-watchdog", host)
  program
    .description("A second way in, for a time: a knock heard below the firewall opens it.")
    .usage("[arm] [options] | COMMAND")
    .addHelpText("before", example)

  const arm = async (options: ArmOptionTexts): Promise<void> => {
    choose(async () => {
      const checked = checkArmOptions(options)
      const terminal = openTerminal("fw-watchdog", host, { json: checked.json })
      if (checked.replay !== undefined) {
        const { replay } = await import("./replay.ts")
        return replay(checked, checked.replay, terminal)
      }
      if (checked.agree !== undefined) {
        const voice = openTerminal("fw-watchdog", host, { json: true, separated: true })
        return await (await import("./arm-agreed.ts")).armAgreed(checked, checked.agree, voice, host)
      }
      const { armAndWatch } = await import("./arm.ts")
      return await armAndWatch(checked, terminal, host, signals)
    })
  }
  addArmOptions(program).action(arm)
  addArmOptions(program.command("arm").description("arm a session and watch it (the default)")).action(arm)

  const withJson = (name: string, what: string, run: (terminal: Terminal) => Promise<number>): void => {
    program
      .command(name)
      .description(what)
      .option("--json", "JSON objects on standard output, one a line")
      .action((options: { json?: boolean }) => {
        choose(() => run(openTerminal("fw-watchdog", host, { json: options.json ?? false })))
      })
  }
  withJson("status", "show the session of this network namespace", async (terminal) =>
    (await import("./session-commands.ts")).showStatus(terminal, host),
  )
  withJson("disarm", "end the session; the firewall stays as it is", async (terminal) =>
    (await import("./session-commands.ts")).disarm(terminal, host),
  )
  withJson("undo", "put back the rules that the last open took away", async (terminal) =>
    (await import("./session-commands.ts")).undo(terminal, host),
  )
  withJson("check", "would a reset work here? Changes nothing", async (terminal) =>
    (await import("./check.ts")).check(terminal),
  )
  withJson("resume", "go on with a session whose guard was killed", async (terminal) =>
    (await import("./resume.ts")).resume(terminal, host),
  )
  program
    .command("extend")
    .description("let the session last so much longer")
    .argument("<DURATION>", "such as 30m")
    .option("--json", "JSON objects on standard output, one a line")
    .action((duration: string, options: { json?: boolean }) => {
      choose(async () => {
        const byMs = parseDuration(duration, "extend", { min: 1000, max: 7 * 86_400_000 })
        const terminal = openTerminal("fw-watchdog", host, { json: options.json ?? false })
        return await (await import("./session-commands.ts")).extend(byMs, terminal, host)
      })
    })
  program
    .command("revoke")
    .description("forget an enrolled secret")
    .argument("<NAME>", "as status shows it")
    .option("--json", "JSON objects on standard output, one a line")
    .action((name: string, options: { json?: boolean }) => {
      choose(async () => {
        const terminal = openTerminal("fw-watchdog", host, { json: options.json ?? false })
        return await (await import("./enroll.ts")).revoke(name, terminal, host)
      })
    })
  const enroll = program.command("enroll", { hidden: true })
  const hidden = (flags: string, help: string): Option => enroll.createOption(flags, help).hideHelp()
  enroll
    .description("keep a secret that is agreed on with fw-knock enroll, which runs this")
    .addOption(hidden("--agree <PUBLIC>", "the workstation's public value").makeOptionMandatory())
    .addOption(hidden("--name <NAME>", "whose secret that is").makeOptionMandatory())
    .addOption(hidden("--expires <DURATION>", "accept it for so long"))
    .action((texts: EnrollTexts) => {
      choose(async () => {
        const voice = openTerminal("fw-watchdog", host, { json: true, separated: true })
        return await (await import("./enroll.ts")).enroll(texts, voice, host)
      })
    })
  return addHelpAndVersion(program)
}
