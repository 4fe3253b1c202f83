import { type Verb, verbNames } from "../../knock/verbs.ts"
import type { KnockOptionTexts } from "./options.ts"

/** What `fw-knock VERB HOST...` can be told: the one table behind the parser, the help and the fast way below. */
export const knockOptions: readonly {
  readonly long: string
  readonly short?: string
  /** What its value is called; a flag without. */
  readonly value?: string
  readonly default?: string
  readonly help: string
}[] = [
  { long: "hard", help: "reset: clear nat, owned tables and what else a plain reset leaves alone, too" },
  {
    long: "secret-file",
    value: "FILE",
    help: "the secret's file, mode 0600, or - for standard input (default: the remembered one)",
  },
  {
    long: "plain",
    value: "TEXT",
    help: "reset: send this bare text instead of a knock, for a server armed with --plain",
  },
  { long: "wait", value: "DURATION", default: "10s", help: "how long to send and wait for the answer" },
  { long: "one-way", help: "reset, probe: ask to be believed without a challenge from the first packet on" },
  { long: "check", value: "PORT", default: "tcp/22", help: "the TCP port to look at afterwards" },
  { long: "no-check", help: "do not look at any port" },
  { long: "ipv4", short: "4", help: "only over IPv4" },
  { long: "ipv6", short: "6", help: "only over IPv6" },
  { long: "json", help: "one JSON object for each host on standard output" },
]

/** A knock as it was typed, unchecked. */
export interface TypedKnock {
  readonly verb: Verb
  readonly hosts: readonly string[]
  readonly texts: KnockOptionTexts
}

/**
 * The fast way: reads a knock that is typed without a mistake. A locked-out administrator's knock is on the wire before
 * commander would have been loaded.
 * @returns undefined for everything else (other commands, help, any mistake): that is for commander, which reads the same
 *   table and finds the words for it. What this does read, commander reads in the same way.
 */
export function readTypedKnock(args: readonly string[]): TypedKnock | undefined {
  const found = verbNames.find((verb) => verb === args[0])
  if (found === undefined) return undefined
  const hosts: string[] = []
  const values = new Map<string, string | true>()
  for (let at = 1; at < args.length; at += 1) {
    const word = args[at] as string
    if (!word.startsWith("-")) {
      hosts.push(word)
      continue
    }
    const equals = word.indexOf("=")
    const name = equals < 0 ? word : word.slice(0, equals)
    const option = knockOptions.find(({ long, short }) => name === `--${long}` || word === `-${short}`)
    if (option === undefined || (option.value === undefined && equals >= 0)) return undefined
    let value: string | true | undefined = true
    if (option.value !== undefined) {
      value = equals < 0 ? args[++at] : word.slice(equals + 1)
      // What looks like an option, or is nothing, may be a value that was forgotten.
      if (!value || (value.startsWith("-") && value !== "-")) return undefined
    }
    values.set(option.long, value)
  }
  // Which of the two came last is commander's business.
  if (hosts.length === 0 || (values.has("check") && values.has("no-check"))) return undefined
  return { verb: found, hosts, texts: textsOf(values) }
}

function textsOf(values: ReadonlyMap<string, string | true>): KnockOptionTexts {
  const texts: Record<string, unknown> = {}
  for (const { long, default: fallback } of knockOptions) {
    const value = values.get(long) ?? fallback
    if (value !== undefined && long !== "no-check") texts[camelCase(long)] = value
  }
  if (values.has("no-check")) texts.check = false
  return texts as unknown as KnockOptionTexts
}

/** `secret-file` -> `secretFile`, as commander does. */
function camelCase(long: string): string {
  return long.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}
