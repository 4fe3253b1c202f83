import type { Command } from "commander"
import type { SshOptionTexts } from "./options.ts"
import type { SessionCommand } from "./session.ts"

/** The commands that log in by ssh; each reports by itself and returns the exit code. */
export interface SshCommands {
  arm(target: string, more: readonly string[], texts: SshOptionTexts): Promise<number>
  apply(target: string, file: string, more: readonly string[], texts: SshOptionTexts): Promise<number>
  enroll(target: string, texts: SshOptionTexts): Promise<number>
  session(command: SessionCommand, target: string, texts: SshOptionTexts): Promise<number>
}

const sessionCommands = [
  { name: "status", help: "show the session of HOST, over ssh" },
  { name: "undo", help: "put back there what the last open took away, over ssh" },
  { name: "disarm", help: "end the session of HOST, over ssh" },
] as const

export const sshCommandNames: readonly string[] = [
  "arm",
  "apply",
  "enroll",
  ...sessionCommands.map(({ name }) => name),
]

/**
 * Adds those that are wanted.
 * @param choose takes what was asked for
 */
export function addSshCommands(
  program: Command,
  wanted: (name: string) => boolean,
  choose: (run: () => Promise<number>) => void,
  commands: SshCommands,
): void {
  if (wanted("arm"))
    addSshOptions(
      program.command("arm").description("arm HOST over ssh, agree on a secret, and prove the way in"),
    )
      .usage("[USER@]HOST [options] [-- OPTIONS OF fw-watchdog arm]")
      .argument("[OPTIONS...]", "behind --: options of fw-watchdog arm there")
      .option("--join", "add a secret to the session that is armed there, if one is")
      .option("--install", "install the package of this version there first, from a .deb that lies here")
      .action((target: string, more: string[], texts: SshOptionTexts) =>
        choose(() => commands.arm(target, more, texts)),
      )
  if (wanted("apply"))
    addSshOptions(
      program
        .command("apply")
        .description("change the rules of HOST over ssh: armed, rehearsed, proven, confirmed"),
    )
      .usage("[USER@]HOST FILE [options] [-- OPTIONS OF fw-apply]")
      .argument("<FILE>", "of this machine: a script of iptables lines, iptables-save, ipset-save or nft")
      .argument("[OPTIONS...]", "behind --: options of fw-apply there")
      .option("--check", "change nothing; exit code 5: would change")
      .option("--install", "install the package of this version there first, from a .deb that lies here")
      .action((target: string, file: string, more: string[], texts: SshOptionTexts & { check?: boolean }) =>
        choose(() => commands.apply(target, file, [...(texts.check ? ["--check"] : []), ...more], texts)),
      )
  if (wanted("enroll"))
    addSshOptions(
      program
        .command("enroll")
        .description("agree on a secret with HOST over ssh that its sessions accept from now on"),
    )
      .option("--expires <DURATION>", "for so long, such as 90d (default: until it is revoked there)")
      .option("--install", "install the package of this version there first, from a .deb that lies here")
      .action((target: string, texts: SshOptionTexts) => choose(() => commands.enroll(target, texts)))
  for (const { name, help } of sessionCommands.filter(({ name }) => wanted(name)))
    program
      .command(name)
      .description(help)
      .argument("<HOST>", "whatever ssh takes")
      .option("--ssh <COMMAND>", "the ssh to use", "ssh")
      .option("--json", "JSON objects on standard output, one a line")
      .action((target: string, texts: SshOptionTexts) => choose(() => commands.session(name, target, texts)))
}

function addSshOptions(command: Command): Command {
  return command
    .argument("<HOST>", "whatever ssh takes")
    .option("--ssh <COMMAND>", "the ssh to use, such as 'ssh -F FILE'", "ssh")
    .option("--via <JUMP>", "the host that sends the knocks, or none (default: ssh's last ProxyJump)")
    .option("--wait <DURATION>", "how long to knock until it is alive", "10s")
    .option("--json", "one JSON object on standard output")
}
