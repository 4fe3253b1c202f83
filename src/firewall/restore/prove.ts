import { withScratchFolder } from "../../system/files/scratch-folder.ts"
import { addInterfaces, interfaceNames, type NamespaceDeps, withNamespace } from "../sandbox/namespace.ts"
import { compareSnapshots } from "../snapshot/compare.ts"
import { type Difference, isOrder } from "../snapshot/difference.ts"
import { type NftTableCopy, nftWhere } from "../snapshot/nft-table.ts"
import { possibleViews } from "../snapshot/nft-table-view.ts"
import { breathe } from "../snapshot/reading.ts"
import { noRules, type Snapshot } from "../snapshot/snapshot.ts"
import { ipsetType } from "../snapshot/text/ipset.ts"
import { renderTable } from "../snapshot/text/nft-text.ts"
import { isTranslated } from "./plan/nft-table-text.ts"
import { type RestoreDeps, restoreSnapshot } from "./restore.ts"

/** Whether one table or set of a snapshot comes back as it was. */
export interface Proof {
  /** The name that differences use: "nft ip filter", "iptables-legacy filter", "ipset blocked". */
  readonly table: string
  readonly ok: boolean
  /** Parts that do not come back, or, with `ok`, not to the last digit (counters). */
  readonly why?: string
}

export interface ProveDeps extends RestoreDeps, NamespaceDeps {}

/**
 * Restores a snapshot in a throw-away network namespace and compares both views of every table with it. A table whose
 * view fails is tried in its other views.
 * @returns the proofs, and the snapshot with the views that were proven; a table that no view restores has view
 * `none` and says why, so that a later restore leaves it alone instead of loading it wrong
 * @throws Fault when no namespace can be made
 */
export async function proveRestorable(
  deps: ProveDeps,
  snapshot: Snapshot,
): Promise<{ snapshot: Snapshot; proofs: Proof[] }> {
  const names = await namedInterfaces(deps, snapshot)
  return await withScratchFolder((folder) =>
    withNamespace(deps, async (namespace) => {
      await addInterfaces(namespace, deps.system, names)
      const procNet = `/proc/${namespace.pid}/net`
      const there = new Rehearsal({ ...deps, run: namespace.run, procNet }, folder)
      return await proveIn(there, snapshot)
    }),
  )
}

/**
 * The same for a part of a snapshot: all else stays as it is in any case.
 * @param touched the tables and sets that may have to come back, as differences name them
 * @returns the proofs of these, and the whole snapshot
 */
export async function proveTouched(
  deps: ProveDeps,
  snapshot: Snapshot,
  touched: ReadonlySet<string>,
): Promise<{ snapshot: Snapshot; proofs: Proof[] }> {
  // A set that changes its type takes the rules along that use it; where chains share a place at a hook, those beside them count too.
  if (snapshot.hooks !== undefined || [...touched].some((where) => where.startsWith("ipset ")))
    return await proveRestorable(deps, snapshot)
  const nftTables = snapshot.nftTables.filter((copy) => touched.has(nftWhere(copy)))
  const legacyTables = snapshot.legacyTables.filter(({ backend, section }) =>
    touched.has(`${backend} ${section.table}`),
  )
  const sections = [...nftTables.map(({ saved }) => saved), ...legacyTables.map(({ section }) => section)]
  const usesSets = sections.some((section) => section?.rules.some((rule) => rule.includes("-set ")))
  const part = { ...snapshot, nftTables, legacyTables, ipsets: usesSets ? snapshot.ipsets : [] }
  const { snapshot: proven, proofs } = await proveRestorable(deps, part)
  const views = new Map(proven.nftTables.map((copy) => [nftWhere(copy), copy]))
  const whole = snapshot.nftTables.map((copy) => views.get(nftWhere(copy)) ?? copy)
  const { legacyTables: all, ipsets } = snapshot
  return { snapshot: { ...proven, nftTables: whole, legacyTables: all, ipsets }, proofs }
}

/** Restores and compares in the throw-away namespace, again and again. */
class Rehearsal {
  readonly #deps: RestoreDeps
  readonly #folder: string
  /** Nobody else writes rules there. */
  #inForce = noRules

  constructor(deps: RestoreDeps, folder: string) {
    this.#deps = deps
    this.#folder = folder
  }

  /** Parts that do not come back, by the name of the table; `fault` when the whole restore failed. */
  async run(snapshot: Snapshot): Promise<{
    fault?: string
    left?: string
    wrong: Map<string, string>
    inexact: Map<string, string>
  }> {
    const report = await restoreSnapshot(this.#deps, snapshot, {
      folder: this.#folder,
      inForce: this.#inForce,
    })
    const { after } = report
    this.#inForce = after
    const wrong = byTable(compareSnapshots(snapshot, after, "ignored"))
    await breathe()
    const inexact = byTable(compareSnapshots(snapshot, after, "exact"))
    const failed = report.failures[0]
    const [left] = report.left
    return {
      ...(failed === undefined ? {} : { fault: failed }),
      ...(left === undefined ? {} : { left: left.why }),
      wrong,
      inexact,
    }
  }
}

async function proveIn(
  there: Rehearsal,
  snapshot: Snapshot,
): Promise<{ snapshot: Snapshot; proofs: Proof[] }> {
  const restorable = snapshot.nftTables.filter((copy) => !copy.owned && copy.view !== "none")
  const whole = await there.run({ ...snapshot, nftTables: restorable })
  const inexact = new Map(whole.inexact)
  const isFine = whole.fault === undefined && whole.wrong.size === 0
  const isExact = (copy: NftTableCopy): boolean => isFine && !inexact.has(nftWhere(copy))
  if (isFine && restorable.every(isExact)) return { snapshot, proofs: proofsOf(snapshot, new Map(), inexact) }

  // Something fails: first the sets, which rules need; then each table alone, in each of its views.
  const problems = isFine ? new Map<string, string>() : await hopelessSets(there, snapshot)
  const ipsets = snapshot.ipsets.filter(({ name }) => !problems.has(`ipset ${name}`))
  const usable = { ...snapshot, ipsets, nftTables: [], legacyTables: [] }
  const nftTables: NftTableCopy[] = []
  for (const copy of snapshot.nftTables) {
    if (!restorable.includes(copy) || isExact(copy)) {
      nftTables.push(copy)
      continue
    }
    const { best, why } = await bestView(there, usable, copy, inexact)
    nftTables.push(best)
    if (why !== undefined) problems.set(nftWhere(copy), why)
  }
  for (const one of isFine ? [] : snapshot.legacyTables) {
    const where = `${one.backend} ${one.section.table}`
    const alone = await there.run({ ...usable, legacyTables: [one] })
    const why = alone.fault ?? alone.wrong.get(where)
    if (why !== undefined) problems.set(where, why)
  }
  for (const [where, why] of whole.wrong) if (isOrder({ where })) problems.set(where, why)
  const hopeless = [...problems].map(([where, why]) => ({ where, why }))
  const settled = { ...snapshot, nftTables, ...(hopeless.length === 0 ? {} : { hopeless }) }
  return { snapshot: settled, proofs: proofsOf(settled, problems, inexact) }
}

/** Sets that do not come back, by name: all at once, and where that fails one by one, with their members. */
async function hopelessSets(there: Rehearsal, snapshot: Snapshot): Promise<Map<string, string>> {
  const problems = new Map<string, string>()
  const only = (ipsets: Snapshot["ipsets"]): Promise<Awaited<ReturnType<Rehearsal["run"]>>> =>
    there.run({ ...snapshot, ipsets, nftTables: [], legacyTables: [] })
  const all = await only(snapshot.ipsets)
  if (all.fault === undefined && all.wrong.size === 0) return problems
  for (const set of snapshot.ipsets) {
    const members = snapshot.ipsets.filter(
      ({ name }) => ipsetType(set) === "list:set" && set.elements.includes(name),
    )
    const alone = await only([...members, set])
    const why = alone.fault ?? alone.wrong.get(`ipset ${set.name}`) ?? alone.left
    if (why !== undefined) problems.set(`ipset ${set.name}`, why)
  }
  return problems
}

async function bestView(
  there: Rehearsal,
  snapshot: Snapshot,
  copy: NftTableCopy,
  inexact: Map<string, string>,
): Promise<{ best: NftTableCopy; why?: string }> {
  const where = nftWhere(copy)
  const { listed, saved, xtRules } = copy
  const others = listed === undefined ? [] : possibleViews({ listed, saved, xtRules, foreign: false })
  let first: string | undefined
  let second: NftTableCopy | undefined
  for (const view of new Set([copy.view, ...others])) {
    const tried = { ...copy, view }
    // What the view before it has left would look like its own.
    await there.run({ ...snapshot, nftTables: [] })
    const alone = await there.run({ ...snapshot, nftTables: [tried] })
    const why = alone.fault ?? alone.wrong.get(where)
    const note = alone.inexact.get(where)
    if (why !== undefined) first ??= why
    else if (note === undefined) {
      inexact.delete(where)
      return { best: tried }
    } else if (second === undefined) {
      // All but the counters, which ip6tables-nft-restore 1.8.9 does not set; another view may.
      inexact.set(where, note)
      second = tried
    }
  }
  if (second !== undefined) return { best: second }
  const why = `no view of it comes back as it was: ${first}`
  return { best: { ...copy, view: "none", why }, why }
}

function proofsOf(snapshot: Snapshot, problems: Map<string, string>, inexact: Map<string, string>): Proof[] {
  const proof = (table: string, reason = problems.get(table)): Proof => {
    if (reason !== undefined) return { table, ok: false, why: reason }
    const copy = snapshot.nftTables.find((one) => nftWhere(one) === table)
    if (copy !== undefined && isTranslated(copy))
      return {
        table,
        ok: true,
        why: "its iptables extensions come back as the native rules that nft prints for them",
      }
    const note = inexact.get(table)
    return note === undefined
      ? { table, ok: true }
      : { table, ok: true, why: `not to the last digit: ${note}` }
  }
  return [
    ...snapshot.ipsets.map((set) => proof(`ipset ${set.name}`)),
    ...snapshot.nftTables.map((copy) => {
      const owned = copy.owned ? "a running program owns this table, and makes it again itself" : undefined
      return proof(
        nftWhere(copy),
        owned ?? (copy.view === "none" ? copy.why : undefined) ?? problems.get(nftWhere(copy)),
      )
    }),
    ...snapshot.legacyTables.map(({ backend, section }) => proof(`${backend} ${section.table}`)),
    ...[...problems].flatMap(([where, why]): Proof[] =>
      isOrder({ where }) ? [{ table: where, ok: false, why }] : [],
    ),
    ...snapshot.unread.map(({ where, why }): Proof => ({ table: where, ok: false, why })),
  ]
}

function byTable(differences: readonly Difference[]): Map<string, string> {
  return new Map(
    differences.map(({ where, kind, lines }) => [
      where,
      lines.length > 0 ? lines.slice(0, 4).join("; ") : kind,
    ]),
  )
}

/** The machine's interfaces that the rules name: netdev chains, flowtables and interface indexes need them to load. */
export async function namedInterfaces(deps: ProveDeps, snapshot: Snapshot): Promise<string[]> {
  const text = snapshot.nftTables
    .map((copy) => (copy.listed === undefined ? "" : renderTable(copy.listed)))
    .join("")
  const words = new Set(text.split(/[\s",{}]+/))
  return (await interfaceNames(deps.run, deps.system)).filter((name) => words.has(name))
}
