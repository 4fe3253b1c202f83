import { Fault } from "../../../errors.ts"
import { type Verb, verbs } from "../../../knock/verbs.ts"
import { isGroupWord } from "../../../secrets/fleet/group-name.ts"
import type { ListedHost } from "../../../secrets/fleet/host-list.ts"
import type { ProgramHost, Terminal } from "../../terminal/terminal.ts"
import { groupsOf, membersOf } from "../known-hosts/groups.ts"
import type { KeptHost } from "../known-hosts/kept-records.ts"
import type { KnownHosts } from "../known-hosts/known-hosts.ts"
import { type KnockOptions, onceEach } from "../options.ts"
import { limited } from "./limit.ts"
import { type FleetOptionTexts, mostUnasked, numberOf } from "./options.ts"
import { readHostList, refuseBadLines } from "./read-list.ts"

/**
 * The hosts that a knock goes to: those that were typed, the members of `@GROUP`, the lines of `--hosts`, of which `--limit`
 * leaves some. Where the verb changes something at more than ten, somebody has to agree to their number.
 * @throws Fault `usage` for a group or a limit that is none, and where nobody agrees; `refused` for another number that is
 *   typed; `configuration` for a bad list
 */
export async function chosenHosts(
  { verb, hosts: words }: Pick<KnockOptions, "verb" | "hosts">,
  texts: FleetOptionTexts,
  known: KnownHosts,
  terminal: Terminal,
  host: ProgramHost,
): Promise<string[]> {
  const groups = words.filter(isGroupWord)
  const kept = groups.length > 0 || texts.limit !== undefined ? await known.kept() : []
  const members = new Map(
    groups.map((group) => [group, membersOf(kept, group).map(({ name, record }) => record?.name ?? name)]),
  )
  const typed = words.flatMap((word) => members.get(word) ?? [word])
  const listed = texts.hosts === undefined ? [] : await hostsOfList(texts.hosts, terminal, host)
  const all = onceEach([...typed, ...listed.map((line) => line.typed)])
  const chosen = texts.limit === undefined ? all : await those(all, texts.limit, kept, known)
  if (!verbs[verb].changesNothing) await agreeTo(verb, chosen.length, texts.yes, host)
  return chosen
}

async function hostsOfList(
  path: string,
  terminal: Terminal,
  host: ProgramHost,
): Promise<readonly ListedHost[]> {
  const list = await readHostList(path, host)
  refuseBadLines(list, terminal)
  return list.hosts
}

async function those(
  all: readonly string[],
  limit: string,
  kept: readonly KeptHost[],
  known: KnownHosts,
): Promise<string[]> {
  const hosts = await Promise.all(all.map((typed) => known.find(typed)))
  return limited(hosts, limit, groupsOf(kept)).map(({ typed }) => typed)
}

/** Resolves when `count` hosts are what was meant. @throws Fault as `chosenHosts` */
async function agreeTo(verb: Verb, count: number, yes: string | undefined, host: ProgramHost): Promise<void> {
  const what = `this ${verb} ${verbs[verb].effect} ${count} ${count === 1 ? "host" : "hosts"}`
  if (yes !== undefined) {
    if (numberOf(yes) === count) return
    throw new Fault("usage", `${what}, and --yes says ${yes}: nothing was sent`)
  }
  if (count <= mostUnasked) return
  if (host.stdin.isTTY !== true || host.stderr.isTTY !== true)
    throw new Fault("usage", `${what}, and there is no terminal to ask on: nothing was sent`, {
      hint: `if they are meant: --yes ${count}`,
    })
  const { askLine } = await import("../../terminal/prompt.ts")
  const typed = (await askLine(`${what}; type their number: `, host)).trim()
  if (typed !== `${count}`)
    throw new Fault("refused", `${count} was to be typed, and "${typed}" was: nothing was sent`)
}
