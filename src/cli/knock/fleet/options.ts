import { type Command, Option } from "commander"
import { Fault } from "../../../errors.ts"
import { type Verb, verbs, verbsThat } from "../../../knock/verbs.ts"
import { isGroupWord } from "../../../secrets/fleet/group-name.ts"

/** The options of a knock that choose hosts, as commander hands them over. */
export interface FleetOptionTexts {
  readonly hosts?: string
  readonly limit?: string
  readonly yes?: string
}

/** A verb that changes something does so at so many hosts without being asked back. */
export const mostUnasked = 10

/** Adds them to the command of a verb. */
export function addFleetOptions(command: Command, { changesNothing }: (typeof verbs)[Verb]): Command {
  const yes = new Option("--yes <NUMBER>", `go on with more than ${mostUnasked} hosts if they are so many`)
  return command
    .option("--hosts <FILE>", "hosts besides, one a line as pssh takes them, or -")
    .option("--limit <PATTERN>", "of them only these: names, web*, @GROUP, !NAME, by commas")
    .addOption(changesNothing ? yes.hideHelp() : yes)
}

/**
 * Checks them, before any file is read.
 * @throws Fault `usage` naming the option and what was wanted
 */
export function checkFleetOptions(
  verb: Verb,
  words: readonly string[],
  texts: FleetOptionTexts & { readonly secretFile?: string },
): void {
  if (words.length === 0 && texts.hosts === undefined)
    throw new Fault("usage", `an argument is missing: fw-knock ${verb} takes HOST...`, {
      hint: `HOST may be @GROUP or @all; or give --hosts FILE; \`fw-knock ${verb} --help\` shows what there is`,
    })
  if (texts.hosts === "-" && texts.secretFile === "-")
    throw new Fault("usage", "--hosts and --secret-file cannot both be standard input")
  if (texts.yes === undefined) return
  if (verbs[verb].changesNothing)
    throw new Fault("usage", `--yes goes with ${verbsThat((one) => !one.changesNothing)}, not with ${verb}`)
  numberOf(texts.yes)
}

/** True when the hosts are not just those that were typed, or are so many that somebody may have to agree. */
export function isFleet(words: readonly string[], { hosts, limit, yes }: FleetOptionTexts): boolean {
  return (
    words.length > mostUnasked ||
    words.some(isGroupWord) ||
    [hosts, limit, yes].some((text) => text !== undefined)
  )
}

/** The number of `--yes`. @throws Fault `usage` for what is none */
export function numberOf(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text)
  throw new Fault("usage", `--yes ${text} is no number of hosts`)
}
