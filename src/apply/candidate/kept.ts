import { type Chain, emptyBaseChain } from "../../firewall/merge/chains.ts"
import { sameRules } from "../../firewall/merge/rule-matching.ts"
import { isForeignChain, isForeignSet, isForeignTable } from "./foreign-names.ts"
import type { InputWords } from "./input-words.ts"

/**
 * Decides what an input may take away without having named it. `iptables -F`, `-X`, `flush ruleset` and a whole save file empty
 * what other programs made as well as what the operator did; nobody can tell the two apart but by who named or made what.
 */
export class Kept {
  readonly #words: InputWords
  readonly #made: ReadonlySet<string>

  /** @param made the chains, tables and sets that earlier changes by fw-apply made; see {@link madeBy} */
  constructor(words: InputWords, made: ReadonlySet<string>) {
    this.#words = words
    this.#made = made
  }

  /** Tells whether anything of a table is the input's, or made by an earlier one. */
  isTouched(table: string): boolean {
    const isOfIt = (id: string): boolean => `${id} `.startsWith(`${table} `)
    return [...this.#words.named].some(isOfIt) || (!this.isForeign(table) && [...this.#made].some(isOfIt))
  }

  /** Tells whether a table belongs to a program that is known, with everything in it. */
  isForeign(table: string): boolean {
    return isForeignTable(table.slice(table.indexOf(" ") + 1))
  }

  /**
   * Tells whether a chain stays as it was in force, since the input did not mean it.
   * @param isOwn whether its whole table is the input's own, such as one of nft's that it defines
   * @param now as the input left it
   */
  chain(table: string, own: Chain, now: Chain | undefined, isOwn: boolean): boolean {
    const id = `${table} ${own.name}`
    if (this.#words.named.has(id)) return false
    if (isForeignChain(own.name)) return true
    // Whoever wrote into it meant it, by whatever words.
    const isWritten = now !== undefined && now.rules.length > 0 && !isUnchanged(own, now)
    if (isWritten || isOwn || this.#made.has(id)) return false
    const born = emptyBaseChain(own)
    if (born === undefined) return true
    // `-F` is for the built-in chains of its table; one that lets everything through says nothing.
    if (this.#words.emptied.has(table)) return false
    return own.rules.length > 0 || own.head?.split(" ")[1] !== born.head?.split(" ")[1] || hasPolicy(own)
  }

  /** Tells whether a chain has lost rules because it was emptied, and not one by one. */
  wasEmptied(table: string, chain: string): boolean {
    const { emptied } = this.#words
    const byNft = !table.startsWith("legacy ") && emptied.has("nft")
    return byNft || emptied.has(table) || emptied.has(`${table} ${chain}`)
  }

  /** Tells whether an IP set stays as it was in force. @param isLost it is gone or empty */
  set(name: string, isLost: boolean): boolean {
    const id = `ipset ${name}`
    if (this.#words.named.has(id)) return false
    return isForeignSet(name) || (isLost && !this.#made.has(id))
  }
}

const hasPolicy = ({ declaration }: Chain): boolean =>
  declaration?.some((line) => /policy (?!accept)\w+;/.test(line)) ?? false

/** Tells whether a chain was left by the input as it was in force. */
export function isUnchanged(own: Chain, now: Chain | undefined): boolean {
  return now !== undefined && sameRules(own.rules, now.rules)
}
