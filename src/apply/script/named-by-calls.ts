import { isForeignChain } from "../candidate/foreign-names.ts"
import { type IsLegacy, namedByNft, namedBySave, tableOf } from "../candidate/named-chains.ts"
import type { ScriptCall } from "./calls.ts"

/** Verbs that change a chain, which stands behind them. */
const changing =
  /^(-A|--append|-I|--insert|-D|--delete|-R|--replace|-N|--new|--new-chain|-X|--delete-chain|-F|--flush|-P|--policy|-E|--rename-chain)$/

/** The chains that a script named itself, "ip filter DOCKER" or "legacy ip filter DOCKER": a bare `-F` names none. */
export function namedByCalls(calls: readonly ScriptCall[], isLegacy: IsLegacy): Set<string> {
  const named = new Set<string>()
  for (const call of calls) {
    if (call.kind !== "rules" || call.exitCode !== 0 || call.name === "ipset") continue
    if (call.name === "nft") {
      for (const one of namedByNft(call.given ?? call.args.join(" "))) named.add(one)
      continue
    }
    const table = tableOf(call.name, isLegacy)
    if (call.name.endsWith("-restore")) {
      if (call.args.some((arg) => /^(-t|--test)$/.test(arg))) continue
      for (const one of namedBySave(call.given ?? "", table)) named.add(one)
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

function tableOption(args: readonly string[]): string {
  for (const [index, arg] of args.entries()) {
    if (arg === "-t" || arg === "--table") return args[index + 1] ?? "filter"
    const joined = /^(?:-t|--table=)(\w+)$/.exec(arg)?.[1]
    if (joined !== undefined) return joined
  }
  return "filter"
}
