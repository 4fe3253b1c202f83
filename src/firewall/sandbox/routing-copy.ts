import type { RunCommand } from "../../system/process/run-command.ts"
import type { SystemTools } from "../../system/process/system-tools.ts"
import { ipBatch, type Namespace } from "./namespace.ts"

interface Deps {
  readonly run: RunCommand
  readonly system: SystemTools
}

/** Words that ip(8) shows and does not take: the state of a route, not the route. */
const shown = /\b(linkdown|dead|pervasive|offload|trap|rt_offload|rt_trap|unresolved)\b|\[detached\]/g

/** The machine's own routes, in the words of ip(8): a script may ask for the interface of the default route. */
export async function routeLines(run: RunCommand, system: SystemTools): Promise<string[]> {
  const lists = await bothFamilies({ run, system }, ["route", "show"])
  return lists.flatMap(({ lines }) => lines.map((line) => `route replace ${line}`))
}

/**
 * All routing tables but those that the kernel fills by itself, and the rules that choose between them (ip-rule(8)), in the words
 * of ip(8): which way an answer goes decides who gets in. Empty where there are only the three rules that every machine has.
 */
export async function policyLines(run: RunCommand, system: SystemTools): Promise<string[]> {
  const [rules, routes] = await Promise.all([
    bothFamilies({ run, system }, ["rule", "show"]),
    bothFamilies({ run, system }, ["route", "show", "table", "all"]),
  ])
  const others = routes.flatMap(({ family, lines }) =>
    lines
      .filter((line) => / table (?!(local|main|unspec)\b)\S+/.test(line))
      .map((line) => `${family} route replace ${line}`),
  )
  const changed = rules.flatMap(({ family, lines }) => ruleLines(family, lines))
  return [...others, ...changed]
}

/** The rules that every network namespace is born with, by their priority. */
const born: Readonly<Record<string, readonly string[]>> = {
  "-4": ["0: from all lookup local", "32766: from all lookup main", "32767: from all lookup default"],
  "-6": ["0: from all lookup local", "32766: from all lookup main"],
}

function ruleLines(family: string, lines: readonly string[]): string[] {
  const normal = lines.map((line) => line.replace(/^(\d+):\s+/, "$1: "))
  const inWords = (line: string, verb: string): string => {
    const [, priority, rest] = /^(\d+): (.*)$/.exec(line) ?? []
    return `${family} rule ${verb} ${rest} priority ${priority}`
  }
  const usual = born[family] ?? []
  return [
    ...normal.filter((line) => !usual.includes(line)).map((line) => inWords(line, "add")),
    ...usual.filter((line) => !normal.includes(line)).map((line) => inWords(line, "del")),
  ]
}

async function bothFamilies(
  { run, system }: Deps,
  args: readonly string[],
): Promise<{ readonly family: string; readonly lines: string[] }[]> {
  return await Promise.all(
    ["-4", "-6"].map(async (family) => {
      const { stdout } = await run({ path: system.ip, args: [family, ...args] })
      const lines = stdout
        .split("\n")
        .map((line) => line.replace(shown, "").trim())
        .filter(Boolean)
      return { family, lines }
    }),
  )
}

/** Puts policy routing into a copy. @returns the lines that it does not take */
export async function layPolicy(
  there: Namespace,
  system: SystemTools,
  lines: readonly string[],
): Promise<readonly string[]> {
  const refused: string[] = []
  // One by one: a batch does not say in every version which of its lines has failed, and there are few.
  for (const line of lines.length > mostAlone ? [] : lines) {
    const done = await there.run({ path: system.ip, args: line.split(/\s+/) })
    if (!done.ok) refused.push(`ip ${line}`)
  }
  if (lines.length <= mostAlone) return refused
  const done = await ipBatch(
    there,
    system,
    lines.map((line) => line.replace(/^-[46] /, "")),
  )
  return done.ok ? [] : ["some of its lines"]
}

/** So many commands take half a second. */
const mostAlone = 200
