import type { Command } from "commander"
import { type ArmOptionTexts, checkArmOptions } from "./arm-options.ts"
import { parseDuration } from "./duration.ts"
import { newProgram, runProgram } from "./program.ts"
import { openTerminal, type ProgramHost, type Terminal } from "./terminal.ts"
import type { ViewerSignals } from "./viewer.ts"

const example = `Example, before you touch a remote firewall:
  sudo fw-watchdog                       arm for 30 minutes; shows what to run on your workstation
`

/**
 * `fw-watchdog`: parses the command line and runs it.
 * @param args the arguments behind the program's name
 * @returns the exit code, DESIGN 4; whatever went wrong has been said.
 */
export async function watchdogMain(
  args: readonly string[],
  host: ProgramHost,
  signals: ViewerSignals,
): Promise<number> {
  let chosen: () => Promise<number> = async () => 0
  const program = newProgram("fw-watchdog", host)
  program
    .description(
      "A second way in while you change a remote firewall: an authentic knock in an ICMP echo request, heard below the firewall, flushes it and accepts everything. Expires by itself.",
    )
    .usage("[arm] [options] | status | extend DURATION | disarm | undo | check | resume")
    .addHelpText("before", example)

  const arm = async (options: ArmOptionTexts): Promise<void> => {
    chosen = async () => {
      const checked = checkArmOptions(options)
      const terminal = openTerminal("fw-watchdog", host, { json: checked.json })
      if (checked.replay !== undefined) {
        const { replay } = await import("./replay.ts")
        return replay(checked, checked.replay, terminal)
      }
      const { armAndWatch } = await import("./arm.ts")
      return await armAndWatch(checked, terminal, host, signals)
    }
  }
  addArmOptions(program).action(arm)
  addArmOptions(
    program.command("arm").description("arm a session and watch it until it expires (the default)"),
  ).action(arm)

  const withJson = (name: string, what: string, run: (terminal: Terminal) => Promise<number>): void => {
    program
      .command(name)
      .description(what)
      .option("--json", "JSON objects on standard output, one a line")
      .action((options: { json?: boolean }) => {
        chosen = () => run(openTerminal("fw-watchdog", host, { json: options.json ?? false }))
      })
  }
  withJson("status", "show the session of this network namespace", async (terminal) =>
    (await import("./status.ts")).showStatus(terminal, host),
  )
  withJson("disarm", "end the session; the firewall stays as it is", async (terminal) =>
    (await import("./status.ts")).disarm(terminal, host),
  )
  withJson("undo", "put back the rules that the last open of this session took away", async (terminal) =>
    (await import("./status.ts")).undo(terminal, host),
  )
  withJson("check", "would a reset work here? Changes nothing", async (terminal) =>
    (await import("./check.ts")).check(terminal, host),
  )
  withJson("resume", "go on with a session whose guard was killed, in this boot", async (terminal) =>
    (await import("./resume.ts")).resume(terminal, host),
  )
  program
    .command("extend")
    .description("let the session last so much longer")
    .argument("<DURATION>", "such as 30m")
    .option("--json", "JSON objects on standard output, one a line")
    .action((duration: string, options: { json?: boolean }) => {
      chosen = async () => {
        const byMs = parseDuration(duration, "extend", { min: 1000, max: 7 * 86_400_000 })
        const terminal = openTerminal("fw-watchdog", host, { json: options.json ?? false })
        return await (await import("./status.ts")).extend(byMs, terminal, host)
      }
    })
  return await runProgram(program, args, host, () => chosen())
}

function addArmOptions(command: Command): Command {
  const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value]
  command
    .option("--timeout <DURATION>", "session length, 10s to 7d", "30m")
    .option("--on-expiry <ACTION>", "disarm | reset | rollback (to the rules in force at arming)", "disarm")
    .option("--secret-file <FILE>", "standing secrets; without it a one-time secret is made and shown")
    .option("--plain <TEXT>", "also accept this bare text in any echo request (unauthenticated!)")
    .option("--interface <NAME>", "hear on this interface only; repeatable", collect)
    .option("--from <CIDR>", "accept knocks from these sources only; repeatable", collect)
    .option(
      "--open-for <DURATION>",
      "after an open, go back to the rules in force at arming when this has passed",
    )
    .option("--scope <WHAT>", "what an open covers: all | filter (the iptables filter tables)", "all")
    .option("--detach", "arm, report, and return")
    .option("--dry-run", "do everything but touch the firewall")
    .option("--quiet", "do not write to the terminals of logged-in users")
    .option("--json", "one JSON object a line on standard output")
  const replayOption = command
    .createOption("--replay <FILE>", "decode and verify the frames of a pcap savefile")
    .hideHelp()
  command.addOption(replayOption)
  return command.allowExcessArguments(false)
}
