import { isForeignChain } from "./foreign.ts"
import type { ScriptCall } from "./script-calls.ts"

/** Is the program of this name the legacy one on this machine? */
export type IsLegacy = (name: string) => boolean

const families: Readonly<Record<string, string>> = { ip: "ip", ip6: "ip6", arp: "arp", eb: "bridge" }

/** Verbs that change a chain, which stands behind them. */
const changing =
  /^(-A|--append|-I|--insert|-D|--delete|-R|--replace|-N|--new|--new-chain|-X|--delete-chain|-F|--flush|-P|--policy|-E|--rename-chain)$/

/**
 * The chains that a script named itself, "ip filter DOCKER" or "legacy ip filter DOCKER": a bare `-F` names none.
 * @param inputOf what a call was given by standard input or in a file
 */
export function namedByCalls(
  calls: readonly ScriptCall[],
  inputOf: (call: ScriptCall) => string | undefined,
  isLegacy: IsLegacy,
): Set<string> {
  const named = new Set<string>()
  for (const call of calls) {
    if (call.kind !== "rules" || call.exitCode !== 0 || call.name === "ipset") continue
    if (call.name === "nft") {
      const file = inputOf(call)
      for (const one of namedByNft(file ?? call.args.join(" "))) named.add(one)
      continue
    }
    const table = tableOf(call.name, isLegacy)
    if (call.name.endsWith("-restore")) {
      if (call.args.some((arg) => /^(-t|--test)$/.test(arg))) continue
      for (const one of namedBySave(inputOf(call) ?? "", table)) named.add(one)
      continue
    }
    const verb = call.args.findIndex((arg) => changing.test(arg))
    const chain = call.args[verb + 1]
    if (verb < 0 || chain === undefined || chain.startsWith("-")) continue
    const of = table(tableOption(call.args))
    named.add(`${of} ${chain}`)
    // Who takes a jump away means what it leads to.
    const target = call.args[call.args.findIndex((arg) => /^(-j|--jump|-g|--goto)$/.test(arg)) + 1]
    if (/^(-D|--delete)$/.test(call.args[verb] ?? "") && target !== undefined && isForeignChain(target))
      named.add(`${of} ${target}`)
  }
  return named
}

/** The table of a program by its own name for it: "ip filter", "legacy ip6 nat". */
export function tableOf(program: string, isLegacy: IsLegacy): (table: string) => string {
  const family = families[/^(ip6|ip|arp|eb)/.exec(program)?.[0] ?? "ip"] ?? "ip"
  return (table) => `${isLegacy(program) ? "legacy " : ""}${family} ${table}`
}

function tableOption(args: readonly string[]): string {
  for (const [index, arg] of args.entries()) {
    if (arg === "-t" || arg === "--table") return args[index + 1] ?? "filter"
    const joined = /^(?:-t|--table=)(\w+)$/.exec(arg)?.[1]
    if (joined !== undefined) return joined
  }
  return "filter"
}

/** The chains that a file of iptables-save names, by its chain lines and by its rules. */
export function namedBySave(text: string, tableName: (table: string) => string): Set<string> {
  const named = new Set<string>()
  let table = "filter"
  for (const line of text.split("\n")) {
    table = /^\*(\S+)/.exec(line)?.[1] ?? table
    const chain =
      /^:(\S+)/.exec(line)?.[1] ??
      /^(?:\[\d+:\d+\] )?(?:-[AIDRNXFP]|--(?:append|insert|delete|new-chain|flush|policy)) "?([^\s"-][^\s"]*)/.exec(
        line,
      )?.[1]
    if (chain !== undefined) named.add(`${tableName(table)} ${chain}`)
  }
  return named
}

const family = String.raw`(?:(ip6?|inet|arp|bridge|netdev)\s+)?`
const name = String.raw`"?([\w.$/-]+)"?`

/** The chains that a text for nft names: in a block of their table, or in a command; and the tables that it deletes or flushes. */
export function namedByNft(text: string): Set<string> {
  const plain = text.replace(/"[^"\n]*"|#.*$/gm, (found) => (found.startsWith("#") ? "" : found))
  const named = new Set<string>()
  const commands = String.raw`\b(?:add|create|insert|replace|delete|destroy|flush|rename)\s+(?:rule|chain)\s+`
  for (const [, of, table, chain] of plain.matchAll(
    new RegExp(`${commands}${family}${name}\\s+${name}`, "g"),
  ))
    named.add(`${of ?? "ip"} ${table} ${chain}`)
  const whole = String.raw`\b(?:delete|destroy|flush)\s+table\s+`
  for (const [, of, table] of plain.matchAll(new RegExp(`${whole}${family}${name}`, "g")))
    named.add(`${of ?? "ip"} ${table}`)
  const blocks = [...plain.matchAll(new RegExp(`\\btable\\s+${family}${name}\\s*\\{`, "g"))]
  for (const [index, block] of blocks.entries()) {
    const body = plain.slice(block.index + block[0].length, blocks[index + 1]?.index)
    for (const [, chain] of body.matchAll(new RegExp(`(?:^|[\\s{;}])chain\\s+${name}\\s*\\{`, "g")))
      named.add(`${block[1] ?? "ip"} ${block[2]} ${chain}`)
  }
  return named
}
