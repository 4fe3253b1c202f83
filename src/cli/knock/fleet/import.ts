import { randomBytes } from "node:crypto"
import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { basename, extname } from "node:path"
import type { Clock } from "../../../clock.ts"
import { Fault } from "../../../errors.ts"
import { exitCodeFor } from "../../../report/outcome.ts"
import { isGroupName } from "../../../secrets/fleet/group-name.ts"
import { joinHosts } from "../../../secrets/fleet/joining.ts"
import { keepRecords } from "../../../secrets/fleet/keep-records.ts"
import { RecordIndex } from "../../../secrets/fleet/record-index.ts"
import { readRecords } from "../../../secrets/host-records.ts"
import type { ProgramHost, Terminal } from "../../terminal/terminal.ts"
import { KnownHosts } from "../known-hosts/known-hosts.ts"
import { askAnsible } from "./ask-ansible.ts"
import type { ImportTexts } from "./command-line.ts"
import { type Inventory, isPrintedInventory, parseInventory } from "./inventory.ts"
import { listedHosts } from "./listed-hosts.ts"
import { readHostList, readInventoryText, refuseBadLines } from "./read-list.ts"

/** The most parts left out that are told. */
const mostTold = 20

/** The hosts that are to be kept, and whether they are all that are there. */
interface Source extends Inventory {
  readonly whole: boolean
}

/**
 * `fw-knock hosts import`: keeps the hosts and groups of an inventory of Ansible's or of a list. All of it, or nothing
 * where something of it cannot be read.
 * @param pattern of an inventory the hosts that are meant
 * @throws Fault `usage` for options that do not go together; as `askAnsible`, `readHostList`, `refuseBadLines` and
 *   `keepRecords`
 */
export async function importHosts(
  pattern: string | undefined,
  texts: ImportTexts,
  terminal: Terminal,
  clock: Clock,
  host: ProgramHost,
): Promise<number> {
  const { ansible, file } = checked(pattern, texts)
  const { hosts, leftOut, whole } =
    file === undefined
      ? await ofInventory(ansible ?? "-", pattern, terminal, clock, host)
      : await ofList(file, texts.group, terminal, host)
  for (const { why } of leftOut.slice(0, mostTold)) terminal.warn(`left out: ${why}`)
  if (leftOut.length > mostTold) terminal.warn(`left out: ${leftOut.length - mostTold} more`)
  if (hosts.length === 0)
    throw new Fault("configuration", `${file ?? ansible} holds no host to keep: nothing was done`)
  const { records: folder } = await new KnownHosts(host).foldersFor({ folders: undefined })
  const joined = joinHosts(new RecordIndex(readRecords(folder)), hosts, whole)
  if (joined.records.length > 0) keepRecords(folder, joined.records, randomBytes(8).toString("hex"))
  const groups = [...new Set(hosts.flatMap((each) => each.groups))].sort()
  const { added, changed, unchanged, left } = joined
  terminal.report({
    event: "imported",
    code: "done",
    message: `${count(hosts.length, "host")} in ${count(groups.length, "group")}: ${added} new, ${changed} changed, ${unchanged} unchanged${left === 0 ? "" : `; ${left} not named any more left their group`}`,
    ...(groups[0] === undefined ? {} : { hint: `does a knock get there? fw-knock probe @${groups[0]}` }),
    facts: { hosts: hosts.length, groups, new: added, changed, unchanged, left, leftOut: leftOut.length },
  })
  return exitCodeFor("done")
}

function checked(pattern: string | undefined, texts: ImportTexts): ImportTexts {
  const { ansible, file, group } = texts
  if ((ansible === undefined) === (file === undefined))
    throw new Fault("usage", "fw-knock hosts import takes --ansible INVENTORY or --file FILE, one of them")
  if (file !== undefined && pattern !== undefined)
    throw new Fault("usage", `"${pattern}" is one argument too many: a pattern goes with --ansible`)
  if (ansible !== undefined && group !== undefined)
    throw new Fault("usage", "--group goes with --file: an inventory names its groups")
  if (group !== undefined && !isGroupName(group))
    throw new Fault("usage", `--group ${group} is no name for a group: letters, digits, . _ - are wanted`)
  return texts
}

async function ofInventory(
  inventory: string,
  pattern: string | undefined,
  terminal: Terminal,
  clock: Clock,
  host: ProgramHost,
): Promise<Source> {
  const printed = await printedInventory(inventory, host)
  if (printed !== undefined && pattern !== undefined)
    throw new Fault(
      "usage",
      `${inventory} is printed already: a pattern goes with an inventory that Ansible reads`,
    )
  if (printed !== undefined)
    return { ...parseInventory(printed, inventory === "-" ? "standard input" : inventory), whole: true }
  const { text, names } = await askAnsible(inventory, pattern, terminal, clock, host)
  const { hosts, leftOut } = parseInventory(text, "the output of ansible-inventory")
  if (names === undefined) return { hosts, leftOut, whole: true }
  return {
    hosts: hosts.filter(({ name }) => names.has(name)),
    leftOut: leftOut.filter(({ host: left }) => left === undefined || names.has(left)),
    whole: false,
  }
}

/** The text that `ansible-inventory --list` has printed elsewhere; undefined for an inventory that Ansible has to read. */
async function printedInventory(path: string, host: ProgramHost): Promise<string | undefined> {
  if (path === "-") return await readInventoryText(path, host)
  if (!mayBePrinted(path)) return undefined
  const text = await readInventoryText(path, host)
  return isPrintedInventory(text) ? text : undefined
}

/** A file that begins as JSON does, and is no program that prints it. */
function mayBePrinted(path: string): boolean {
  try {
    const file = openSync(path, "r")
    try {
      const found = fstatSync(file)
      if (!found.isFile() || (found.mode & 0o111) !== 0) return false
      const start = Buffer.alloc(64)
      return start.toString("utf8", 0, readSync(file, start)).trimStart().startsWith("{")
    } finally {
      closeSync(file)
    }
  } catch {
    return false // Ansible knows inventories that are no files
  }
}

async function ofList(
  path: string,
  group: string | undefined,
  terminal: Terminal,
  host: ProgramHost,
): Promise<Source> {
  const name = group ?? basename(path, extname(path))
  if (!isGroupName(name))
    throw new Fault(
      "usage",
      `the group of ${path === "-" ? "standard input" : path} has no name: --group GROUP is wanted`,
    )
  const list = await readHostList(path, host)
  const { hosts, bad } = listedHosts(list.hosts, name)
  refuseBadLines(
    { ...list, bad: [...list.bad, ...bad].sort((one, other) => one.line - other.line) },
    terminal,
  )
  return { hosts, leftOut: [], whole: true }
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`
