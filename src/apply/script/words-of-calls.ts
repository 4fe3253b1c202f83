import {
  type InputWords,
  type IsLegacy,
  noWords,
  tableOf,
  togetherWords,
  wordsOfIpset,
  wordsOfNft,
  wordsOfSave,
} from "../candidate/input-words.ts"
import type { ScriptCall } from "./calls.ts"

/** Verbs that change a chain, which stands behind them. */
const changing =
  /^(-A|--append|-I|--insert|-D|--delete|-R|--replace|-N|--new|--new-chain|-X|--delete-chain|-F|--flush|-P|--policy|-E|--rename-chain)$/

/** The words of a script, by its calls that did not fail. A bare `-F` names no chain, and empties all of its table. */
export function wordsOfCalls(calls: readonly ScriptCall[], isLegacy: IsLegacy): InputWords {
  return togetherWords(calls.map((call) => wordsOfCall(call, isLegacy)))
}

function wordsOfCall(call: ScriptCall, isLegacy: IsLegacy): InputWords {
  const { name, args, given } = call
  if (call.kind !== "rules" || call.exitCode !== 0) return noWords
  if (name === "ipset") return wordsOfIpset([args.join(" "), ...(given ?? "").split("\n")])
  if (name === "nft") return wordsOfNft(given ?? args.join(" "))
  const table = tableOf(name, isLegacy)
  if (name.endsWith("-restore")) {
    const has = (option: RegExp): boolean => args.some((arg) => option.test(arg))
    return has(/^(-t|--test)$/) ? noWords : wordsOfSave(given ?? "", table, !has(/^(-n|--noflush)$/))
  }
  return wordsOfRule(args, table(tableOption(args)))
}

function wordsOfRule(args: readonly string[], table: string): InputWords {
  const place = args.findIndex((arg) => changing.test(arg))
  if (place < 0) return noWords
  const verb = args[place] ?? ""
  const operand = args[place + 1]
  const chain = operand === undefined || operand.startsWith("-") ? undefined : `${table} ${operand}`
  const named = new Set(chain === undefined ? [] : [chain])
  const emptied = new Set(/^(-F|--flush)$/.test(verb) ? [chain ?? table] : [])
  // Who takes a jump away means what it leads to.
  const target = args[args.findIndex((arg) => /^(-j|--jump|-g|--goto)$/.test(arg)) + 1]
  if (/^(-D|--delete)$/.test(verb) && args.some((arg) => /^(-j|--jump|-g|--goto)$/.test(arg)))
    named.add(`${table} ${target}`)
  return { named, emptied }
}

function tableOption(args: readonly string[]): string {
  for (const [index, arg] of args.entries()) {
    if (arg === "-t" || arg === "--table") return args[index + 1] ?? "filter"
    const joined = /^(?:-t|--table=)(\w+)$/.exec(arg)?.[1]
    if (joined !== undefined) return joined
  }
  return "filter"
}
