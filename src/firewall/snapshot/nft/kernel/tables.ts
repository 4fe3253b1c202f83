import { createHash } from "node:crypto"
import { bootId } from "../../../../system/boot-id.ts"
import type { SnapshotDeps } from "../../reading.ts"
import { dumpKernel } from "./dump.ts"
import { type Attribute, attributesOf, type Message, messageTypes, parseDump, textOf } from "./messages.ts"

/** A table of nf_tables as the kernel itself has it. */
export interface KernelTable {
  readonly family: string
  readonly name: string
  /** Its hooks are switched off (NFT_TABLE_F_DORMANT). */
  readonly dormant: boolean
  /** A process owns it (NFT_TABLE_F_OWNER). */
  readonly owned: boolean
  /**
   * Equal for tables with the same chains, rules, sets and elements, whatever they have counted. Undefined where the dump is not of one
   * moment. Unequal says nothing: the same rule can be made in two ways.
   */
  readonly print: string | undefined
  /** Some of its rules hold an extension of xtables; true as well where they were not looked at. */
  readonly hasXt: boolean
}

/** NFPROTO_*, uapi/linux/netfilter.h. */
const familyNames: Readonly<Record<number, string>> = {
  1: "inet",
  2: "ip",
  3: "arp",
  5: "netdev",
  7: "bridge",
  10: "ip6",
}

/** Everything that the kernel's nf_tables holds. */
export interface Kernel {
  /** In the order of their birth. */
  readonly tables: readonly KernelTable[]
  /** The network namespace, with the boot that it is of. */
  readonly namespace: string
  /** Its latest commit; undefined where something was changed meanwhile. */
  readonly commit: number | undefined
}

/** Reads everything that nf_tables holds. Undefined when the kernel cannot be asked. */
export async function readKernel(
  deps: Pick<SnapshotDeps, "run">,
  what: "everything" | "tables",
): Promise<Kernel | undefined> {
  const dump = await dumpKernel(deps, what)
  if (dump === undefined) return undefined
  const { tables, generation } = tablesOf(dump.messages)
  // Nothing of these was looked at but their names and flags.
  const named = tables.map((table) => ({ ...table, print: undefined, hasXt: true }))
  return {
    tables: what === "everything" ? tables : named,
    namespace: `${bootId()} ${dump.namespace}`,
    commit: generation,
  }
}

/**
 * The contents of a dump.
 * @param dump is written over: what says nothing about rules is set to zero
 */
export function tablesOf(dump: Buffer): {
  readonly tables: readonly KernelTable[]
  readonly generation: number | undefined
} {
  const { messages, generation } = parseDump(dump)
  const tables = new Map<string, TableDump>()
  const of = ({ family }: Message, name: string): TableDump | undefined => tables.get(`${family} ${name}`)
  for (const message of messages) {
    const attributes = attributesOf(dump, message.attributes, message.to)
    const named = attributes.find(({ type }) => type === 1)
    const name = named === undefined ? "" : textOf(dump, named)
    if (message.type === messageTypes.table)
      tables.set(`${message.family} ${name}`, new TableDump(dump, message.family, name))
    of(message, name)?.take(message, attributes)
  }
  const isWhole = generation !== undefined
  return { tables: [...tables.values()].map((table) => table.end(isWhole)), generation }
}

/** By message, the attributes that others than a writer of rules change: handles, positions, numbers of users, counts. */
const volatile: Readonly<Record<number, readonly number[]>> = {
  [messageTypes.table]: [3, 4],
  [messageTypes.chain]: [2, 6, 8],
  [messageTypes.rule]: [3, 6],
  [messageTypes.set]: [10, 16, 20],
  [messageTypes.elements]: [],
  [messageTypes.object]: [5, 6],
  [messageTypes.flowtable]: [4, 5],
}

/** NFTA_*: what is looked at by itself. */
const tableFlags = 2
const ruleExpressions = 4
const setName = 2
const elementsSet = 2
const elementList = 3
const elementExpiration = 5
const elementExpressions = [7, 11]
const objectType = 3
const objectData = 4

/** A dump of one table, put together. */
class TableDump {
  readonly #dump: Buffer
  readonly #family: number
  readonly #name: string
  #flags = 0
  readonly #print = createHash("sha256")
  /** By name, sets of rules by the order in which these use them: their own numbers are those of whoever made them. */
  readonly #anonymous = new Map<string, string>()
  readonly #sets: string[] = []
  readonly #elements: string[] = []
  #hasXt = false

  constructor(dump: Buffer, family: number, name: string) {
    this.#dump = dump
    this.#family = family
    this.#name = name
  }

  take(message: Message, attributes: readonly Attribute[]): void {
    const dump = this.#dump
    const { type, from, to } = message
    dump.fill(0, from + 6, from + 16) // flags, sequence number, port
    dump.fill(0, from + 18, from + 20) // generation
    const moving = volatile[type] ?? []
    for (const one of attributes) if (moving.includes(one.type)) dump.fill(0, one.from, one.to)
    switch (type) {
      case messageTypes.table: {
        const flags = attributes.find((one) => one.type === tableFlags)
        this.#flags = flags === undefined ? 0 : dump.readUInt32BE(flags.from)
        break
      }
      case messageTypes.rule:
        this.#takeRule(attributes)
        break
      case messageTypes.set:
        this.#takeSet(attributes)
        return
      case messageTypes.elements:
        this.#takeElements(attributes)
        return
      case messageTypes.object:
        this.#takeObject(attributes)
        break
    }
    this.#print.update(dump.subarray(from, to))
  }

  #takeRule(attributes: readonly Attribute[]): void {
    const expressions = attributes.find(({ type }) => type === ruleExpressions)
    if (expressions !== undefined) this.#takeExpressions(expressions)
  }

  #takeExpressions(list: Attribute): void {
    for (const { from, to } of attributesOf(this.#dump, list.from, list.to))
      this.#takeExpression(attributesOf(this.#dump, from, to))
  }

  /** NFTA_EXPR_NAME and NFTA_EXPR_DATA. */
  #takeExpression([named, data]: readonly Attribute[]): void {
    if (named === undefined || data === undefined) return
    switch (textOf(this.#dump, named)) {
      case "counter":
      case "last":
        this.#dump.fill(0, data.from, data.to)
        break
      case "quota":
        this.#forgetUsed(data)
        break
      case "lookup":
        this.#useSet(data, 1)
        break
      case "objref":
        this.#useSet(data, 4)
        break
      case "match":
      case "target":
        this.#hasXt = true
        break
    }
  }

  /** NFTA_QUOTA_CONSUMED. */
  #forgetUsed(data: Attribute): void {
    for (const one of attributesOf(this.#dump, data.from, data.to))
      if (one.type === 4) this.#dump.fill(0, one.from, one.to)
  }

  #useSet(data: Attribute, type: number): void {
    const named = attributesOf(this.#dump, data.from, data.to).find((one) => one.type === type)
    if (named === undefined) return
    const name = textOf(this.#dump, named)
    if (!isAnonymous(name)) return
    const number = this.#anonymous.get(name) ?? `${name.replace(/\d+$/, "")}${this.#anonymous.size}`
    this.#anonymous.set(name, number)
    this.#dump.fill(0, named.from - 4, named.to)
    this.#print.update(number)
  }

  #takeSet(attributes: readonly Attribute[]): void {
    const named = attributes.find(({ type }) => type === setName)
    const parts = attributes
      .filter((one) => one !== named)
      .map(({ from, to }) => this.#dump.toString("latin1", from - 4, to))
    this.#sets.push(`${this.#nameOf(named)} ${parts.join("")}`)
  }

  #takeElements(attributes: readonly Attribute[]): void {
    const named = attributes.find(({ type }) => type === elementsSet)
    const list = attributes.find(({ type }) => type === elementList)
    if (named === undefined || list === undefined) return
    const dump = this.#dump
    const name = this.#nameOf(named)
    for (const element of attributesOf(dump, list.from, list.to)) {
      for (const part of attributesOf(dump, element.from, element.to)) {
        if (part.type === elementExpiration) dump.fill(0, part.from, part.to)
        else if (part.type === elementExpressions[0])
          this.#takeExpression(attributesOf(dump, part.from, part.to))
        else if (part.type === elementExpressions[1]) this.#takeExpressions(part)
      }
      this.#elements.push(`${name} ${dump.toString("latin1", element.from, element.to)}`)
    }
  }

  #takeObject(attributes: readonly Attribute[]): void {
    const [type, data] = [objectType, objectData].map((wanted) =>
      attributes.find((one) => one.type === wanted),
    )
    if (type === undefined || data === undefined) return
    const kind = this.#dump.readUInt32BE(type.from)
    // NFT_OBJECT_COUNTER, NFT_OBJECT_QUOTA
    if (kind === 1) this.#dump.fill(0, data.from, data.to)
    else if (kind === 2) this.#forgetUsed(data)
  }

  #nameOf(set: Attribute | undefined): string {
    const name = set === undefined ? "" : textOf(this.#dump, set)
    return this.#anonymous.get(name) ?? name
  }

  /** @param isWhole the dump is of one moment */
  end(isWhole: boolean): KernelTable {
    const sets = [this.#sets.sort().join("\n"), this.#elements.sort().join("\n")]
    for (const lines of sets) this.#print.update(lines, "latin1")
    return {
      family: familyNames[this.#family] ?? String(this.#family),
      name: this.#name,
      dormant: (this.#flags & 1) !== 0,
      owned: (this.#flags & 2) !== 0,
      print: isWhole ? this.#print.digest("hex") : undefined,
      hasXt: this.#hasXt,
    }
  }
}

function isAnonymous(set: string): boolean {
  return /^__(set|map)\d+$/.test(set)
}
