import { type NftTableCopy, tableId } from "./nft-table.ts"
import type { Snapshot } from "./snapshot.ts"
import { changesByItself, type IpsetCopy, setElements } from "./text/ipset.ts"
import { type BlockElement, blockElements, isMoving } from "./text/nft-canonical.ts"
import type { NftBlock } from "./text/nft-text.ts"

/**
 * Packets and time add to some sets and take from them, so what these hold is no difference between two looks. It is one where a
 * change has written into such a set itself: that set bears a mark, `written`, and its elements count like any other's.
 */

/** Some seconds that a rehearsal is off by, in milliseconds. */
const slackMs = 2000

/**
 * Marks the sets whose elements an input has written or removed in a rehearsal: nothing else adds to a set there, and what time
 * has taken away was due.
 * @param before what was in force when the rehearsal began
 * @param result what the input left
 */
export function markWritten(before: Snapshot, result: Snapshot): Snapshot {
  const passedMs = Math.max(0, result.takenAtMs - before.takenAtMs) + slackMs
  const sets = new Map(before.ipsets.map((set) => [set.name, set]))
  const blocks = blocksOf(before)
  return {
    ...result,
    ipsets: result.ipsets.map((set) => {
      const old = changesByItself(set) ? sets.get(set.name) : undefined
      return old !== undefined && wrote(setElements(old), setElements(set), passedMs) ? marked(set) : set
    }),
    nftTables: result.nftTables.map((copy) =>
      withBlocks(copy, (block) => {
        const old = isMoving(block) ? blocks.get(`${tableId(copy)} ${block.name}`) : undefined
        const isWritten = old !== undefined && wrote(blockElements(old), blockElements(block), passedMs)
        return isWritten ? marked(block) : block
      }),
    ),
  }
}

function wrote(old: readonly BlockElement[], now: readonly BlockElement[], passedMs: number): boolean {
  const [was, is] = [new Set(old.map(({ still }) => still)), new Set(now.map(({ still }) => still))]
  return (
    now.some(({ still }) => !was.has(still)) ||
    old.some(({ still, leftMs }) => !is.has(still) && (leftMs === undefined || leftMs > passedMs))
  )
}

/** The same snapshots; a set that bears the mark in one of them bears it in all. */
export function markedAlike<All extends readonly Snapshot[]>(...all: All): { [At in keyof All]: Snapshot } {
  const sets = new Set(all.flatMap(({ ipsets }) => ipsets.filter(isMarked).map(({ name }) => name)))
  const blocks = new Set(
    all.flatMap((one) => [...blocksOf(one)].flatMap(([id, one]) => (one.written ? [id] : []))),
  )
  const mark = (one: Snapshot): Snapshot => ({
    ...one,
    ipsets: one.ipsets.map((set) => (sets.has(set.name) ? marked(set) : set)),
    nftTables: one.nftTables.map((copy) =>
      withBlocks(copy, (block) =>
        holdsElements(block) && blocks.has(`${tableId(copy)} ${block.name}`) ? marked(block) : block,
      ),
    ),
  })
  const none = sets.size === 0 && blocks.size === 0
  return (none ? all : all.map(mark)) as { [At in keyof All]: Snapshot }
}

/** The very same table, where none of its blocks changes. */
function withBlocks(copy: NftTableCopy, change: (block: NftBlock) => NftBlock): NftTableCopy {
  const { listed } = copy
  if (listed === undefined) return copy
  const blocks = listed.blocks.map(change)
  return blocks.every((block, at) => block === listed.blocks[at])
    ? copy
    : { ...copy, listed: { ...listed, blocks } }
}

function isMarked({ written }: IpsetCopy): boolean {
  return written === true
}

function marked<T extends IpsetCopy | NftBlock>(one: T): T {
  return { ...one, written: true }
}

function holdsElements({ kind }: NftBlock): boolean {
  return kind === "set" || kind === "map"
}

/** Sets and maps of nft by "inet fw blocked". */
function blocksOf({ nftTables }: Snapshot): Map<string, NftBlock> {
  return new Map(
    nftTables.flatMap((copy) =>
      (copy.listed?.blocks ?? [])
        .filter(holdsElements)
        .map((block): [string, NftBlock] => [`${tableId(copy)} ${block.name}`, block]),
    ),
  )
}
