import type { NftTableCopy } from "../../snapshot/nft-table.ts"
import { canonicalBlock } from "../../snapshot/text/nft-canonical.ts"
import { chainText, type NftBlock } from "../../snapshot/text/nft-text.ts"

/**
 * Turns a table that is there into the one wanted by changing only the chains that differ, so that its sets keep what
 * packets have added, its other chains go on counting, and nothing that holds on to the table sees it go. May be run
 * again after having been cut off anywhere.
 * @returns text for the one nft transaction, or undefined when more than rules and policies differ: then the table has
 *   to be made anew
 */
export function nftInPlace(from: NftTableCopy, to: NftTableCopy): string | undefined {
  if (to.view !== "nft" || from.listed === undefined || to.listed === undefined) return undefined
  const flags = ({ attributes }: { attributes: readonly string[] }): string =>
    attributes.toSorted().join("\n")
  if (flags(from.listed) !== flags(to.listed)) return undefined
  if (!sameSets(from.listed.blocks.filter(isNoChain), to.listed.blocks.filter(isNoChain))) return undefined
  const old = chainsOf(from.listed.blocks)
  const wanted = chainsOf(to.listed.blocks)
  const changed = [...wanted.values()].filter((block) => {
    const was = old.get(block.name)
    return was === undefined || canonical(was) !== canonical(block)
  })
  const kept = changed.filter(({ name }) => old.has(name))
  if (kept.some((block) => declared(block).still !== declared(old.get(block.name) ?? block).still))
    return undefined
  const gone = [...old.keys()].filter((name) => !wanted.has(name))
  // They read the same and are not: what differs shows in the other view only.
  if (changed.length === 0 && gone.length === 0) return undefined
  const where = `${to.family} ${to.name}`
  return [
    ...[...kept.map(({ name }) => name), ...gone].flatMap((name) => [
      // Of a chain that an earlier run has deleted: made, to be deleted again.
      `add chain ${where} ${name}`,
      `flush chain ${where} ${name}`,
    ]),
    ...kept.flatMap((block) => {
      const { policy } = declared(block)
      return policy === undefined ? [] : [`add chain ${where} ${block.name} { policy ${policy} ; }`]
    }),
    `table ${where} {`,
    // Without them it would wake.
    ...to.listed.attributes.filter((line) => line.startsWith("flags ")).map((line) => `\t${line}`),
    ...changed.flatMap((block) => {
      // A base chain that is there takes neither its hook nor its devices a second time in every kernel.
      const lines = old.has(block.name) ? block.lines.slice(chainText(block).declaration.length) : block.lines
      return [`\tchain ${block.name} {`, ...lines, "\t}"]
    }),
    "}",
    ...gone.map((name) => `delete chain ${where} ${name}`),
    "",
  ].join("\n")
}

function isNoChain(block: NftBlock): boolean {
  return block.kind !== "chain"
}

function chainsOf(blocks: readonly NftBlock[]): Map<string, NftBlock> {
  return new Map(blocks.filter(({ kind }) => kind === "chain").map((block) => [block.name, block]))
}

function canonical(block: NftBlock): string {
  return canonicalBlock(block, "ignored").join("\n")
}

/** The same sets and objects, and none emptied that packets fill: that one has to be filled again. */
function sameSets(from: readonly NftBlock[], to: readonly NftBlock[]): boolean {
  const isEmpty = (block: NftBlock): boolean => !block.lines.some((line) => line.includes("elements = {"))
  const old = new Map(from.map((block) => [`${block.kind} ${block.name}`, block]))
  return (
    from.length === to.length &&
    to.every((block) => {
      const was = old.get(`${block.kind} ${block.name}`)
      return was !== undefined && canonical(was) === canonical(block) && isEmpty(was) <= isEmpty(block)
    })
  )
}

/** The declaration of a chain: its policy, and everything else. */
function declared(block: NftBlock): { policy: string | undefined; still: string } {
  const text = canonicalBlock({ ...block, lines: chainText(block).declaration }, "exact").join("\n")
  return { policy: /\bpolicy (\w+);/.exec(text)?.[1], still: text.replace(/\bpolicy \w+;/, "policy *;") }
}
