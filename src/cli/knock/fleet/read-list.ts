import { readFileSync, statSync } from "node:fs"
import { Fault, reasonOf } from "../../../errors.ts"
import { type BadLine, type ListedHost, parseHostList } from "../../../secrets/fleet/host-list.ts"
import type { ProgramHost, Terminal } from "../../terminal/terminal.ts"

/** The longest host list, in bytes, and the longest inventory. */
const longestList = 16 * 1024 * 1024
const longestInventory = 256 * 1024 * 1024

/** The most bad lines that are shown. */
const mostShown = 20

/** The lines of a list, and how it is called in messages. */
export interface ReadList {
  readonly hosts: readonly ListedHost[]
  readonly bad: readonly BadLine[]
  readonly source: string
}

/**
 * Reads a host list out of a file or standard input.
 * @param path `-` for standard input
 * @throws Fault `permission` or `missing` when it cannot be read, `configuration` when it is too long
 */
export async function readHostList(path: string, host: ProgramHost): Promise<ReadList> {
  const source = path === "-" ? "standard input" : path
  return { ...parseHostList(await readText(path, longestList, "a host list", host)), source }
}

/**
 * Goes on with a list that is good. Of all lines that are none the first twenty are told, by their numbers.
 * @throws Fault `configuration` when one line is none, or no line is a host
 */
export function refuseBadLines({ hosts, bad, source }: ReadList, terminal: Terminal): void {
  if (bad.length === 0 && hosts.length > 0) return
  if (bad.length === 0) throw new Fault("configuration", `${source} holds no host: nothing was done`)
  const shown = bad.slice(0, mostShown)
  for (const { line, problem } of shown) terminal.warn(`${source} line ${line}: ${problem}`)
  const more = bad.length > mostShown ? ` and ${bad.length - mostShown} more` : ""
  throw new Fault(
    "configuration",
    `${source}: ${bad.length === 1 ? "line" : "lines"} ${shown.map(({ line }) => line).join(", ")}${more} cannot be used: nothing was done`,
    { hint: "a line is [USER@]HOST[:PORT] or HOST USER; # begins a comment" },
  )
}

/** The text of an inventory, as `ansible-inventory --list` prints it. @throws Fault as `readHostList` */
export async function readInventoryText(path: string, host: ProgramHost): Promise<string> {
  return await readText(path, longestInventory, "an inventory", host)
}

async function readText(path: string, most: number, what: string, host: ProgramHost): Promise<string> {
  if (path === "-") {
    const { readInput } = await import("../../terminal/prompt.ts")
    return await readInput(host, most, what)
  }
  try {
    if (statSync(path).size > most)
      throw new Fault(
        "configuration",
        `${path} is too long for ${what}: at most ${most / 1024} KiB are wanted`,
      )
    return readFileSync(path, "utf8")
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    const { code } = cause as NodeJS.ErrnoException
    const kind = code === "EACCES" || code === "EPERM" ? "permission" : "missing"
    throw new Fault(kind, `cannot read ${path}: ${code ?? reasonOf(cause)}`, { cause })
  }
}
