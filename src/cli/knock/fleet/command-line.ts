import type { Command } from "commander"
import { Fault } from "../../../errors.ts"

/** The options of `fw-knock hosts import` as commander hands them over. */
export interface ImportTexts {
  readonly ansible?: string
  readonly file?: string
  readonly group?: string
  readonly json?: boolean
}

/** The commands of the hosts that are kept; each reports by itself and returns the exit code. */
export interface HostsCommands {
  /** @param group `@GROUP`: only its members */
  list(json: boolean, group?: string): Promise<number>
  importHosts(pattern: string | undefined, texts: ImportTexts): Promise<number>
}

/**
 * Adds `hosts` with its own commands.
 * @param choose takes what was asked for
 */
export function addHostsCommand(
  program: Command,
  choose: (run: () => Promise<number>) => void,
  commands: HostsCommands,
): void {
  const hosts = program
    .command("hosts")
    .description("keep many hosts and their groups: import, list")
    .usage("import|list [options]")
    .action(() => {
      throw new Fault("usage", "no command was given: fw-knock hosts import or list is wanted", {
        hint: "`fw-knock hosts --help` shows what there is",
      })
    })
  hosts
    .command("import")
    .description("keep the hosts and groups of an inventory or a list")
    .argument("[PATTERN]", "of the inventory only these hosts, as Ansible takes them")
    .option(
      "--ansible <INVENTORY>",
      "an inventory of Ansible, or what ansible-inventory --list printed, or -",
    )
    .option("--file <FILE>", "hosts one a line as pssh takes them, or -")
    .option(
      "--group <GROUP>",
      "the group of the hosts of --file (default: the file's name without its ending)",
    )
    .option("--json", "one JSON object on standard output")
    .action((pattern: string | undefined, texts: ImportTexts) =>
      choose(() => commands.importHosts(pattern, texts)),
    )
  hosts
    .command("list")
    .description("show the hosts that are kept here")
    .argument("[@GROUP]", "only its members")
    .option("--json", "one JSON object for each host on standard output")
    .action((group: string | undefined, options: { json?: boolean }) =>
      choose(() => commands.list(options.json ?? false, group)),
    )
}
