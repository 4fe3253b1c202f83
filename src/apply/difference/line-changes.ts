import { diffArrays } from "diff"

/** One line of two lists laid side by side. */
export interface LineChange {
  readonly kind: "same" | "added" | "removed"
  readonly text: string
}

/** From this many moved lines on the work grows with their square; then everything in between counts as moved. */
const maxEditLength = 1000

/**
 * The changes that turn one list of lines into the other, removed lines before those that replace them. Lines that only
 * one side has cannot be matched with anything, so the search for the longest common part gets only the others: 10 000
 * new rules cost nothing, 10 000 rules in another order are shown as all removed and all added.
 */
export function lineChanges(old: readonly string[], now: readonly string[]): LineChange[] {
  const [inOld, inNow] = [new Set(old), new Set(now)]
  const common = diffArrays(
    old.filter((line) => inNow.has(line)),
    now.filter((line) => inOld.has(line)),
    { maxEditLength },
  )
  const changes: LineChange[] = []
  const rest = { old: 0, now: 0 }
  const take = (lines: readonly string[], from: "old" | "now", others: ReadonlySet<string>): void => {
    const kind = from === "old" ? "removed" : "added"
    for (let line = lines[rest[from]]; line !== undefined && !others.has(line); line = lines[++rest[from]])
      changes.push({ kind, text: line })
  }
  const both = (): void => {
    take(old, "old", inNow)
    take(now, "now", inOld)
  }
  const parts = common ?? [
    { value: old.filter((line) => inNow.has(line)), removed: true, added: false },
    { value: now.filter((line) => inOld.has(line)), removed: false, added: true },
  ]
  for (const { value, added, removed } of parts)
    for (const text of value) {
      if (removed) {
        take(old, "old", inNow)
        rest.old += 1
      } else if (added) {
        take(now, "now", inOld)
        rest.now += 1
      } else {
        both()
        rest.old += 1
        rest.now += 1
      }
      changes.push({ kind: removed ? "removed" : added ? "added" : "same", text })
    }
  both()
  return removedFirst(changes)
}

/** Within each run of changes what goes stands before what comes. */
function removedFirst(changes: readonly LineChange[]): LineChange[] {
  const sorted: LineChange[] = []
  let added: LineChange[] = []
  for (const change of changes) {
    if (change.kind === "added") {
      added.push(change)
      continue
    }
    if (change.kind === "same") {
      sorted.push(...added)
      added = []
    }
    sorted.push(change)
  }
  return [...sorted, ...added]
}
