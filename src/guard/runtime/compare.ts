import { Fault, reasonOf } from "../../errors.ts"
import { takenAway } from "../../firewall/restore/taken-away.ts"
import { compareSnapshots } from "../../firewall/snapshot/compare.ts"
import { type Difference, isOrder } from "../../firewall/snapshot/difference.ts"
import { sameTables } from "../../firewall/snapshot/nft/print.ts"
import { breathe, isUnread } from "../../firewall/snapshot/reading.ts"
import { takeSnapshot } from "../../firewall/snapshot/snapshot.ts"
import { within } from "../../system/within.ts"
import type { Effect } from "../machine/effect.ts"
import type { EffectEnd } from "../machine/event.ts"
import type { Snapshots } from "../state/snapshots.ts"

/** How long the look may take, in milliseconds; less than whoever confirms waits. */
const lookMs = 90_000

type Compare = Extract<Effect, { readonly type: "compare" }>
type End<Type extends EffectEnd["type"]> = Extract<EffectEnd, { readonly type: Type }>

/** Compares what is in force with a change that is being confirmed, in the tables and sets that it touches. */
export async function compare(
  snapshots: Snapshots,
  effect: Compare,
): Promise<End<"compared"> | End<"not-compared">> {
  try {
    return await within(snapshots.deps.clock, lookMs, look(snapshots, effect))
  } catch (thrown) {
    return { type: "not-compared", id: effect.id, why: reasonOf(thrown) }
  }
}

async function look(snapshots: Snapshots, { id, before, candidate }: Compare): Promise<End<"compared">> {
  const [from, to] = [snapshots.get(before), snapshots.get(candidate)]
  if (from === undefined || to === undefined) throw new Fault("refused", "its rules are lost")
  const now = await takeSnapshot(snapshots.deps, "confirmed", sameTables(to, from))
  await breathe()
  const touched = new Set(known(compareSnapshots(from, to, "ignored")).map(({ where }) => where))
  await breathe()
  const differences = compareSnapshots(to, now, "ignored")
  for (const { where, kind, lines } of differences)
    if (kind === "unread" && [...touched].some((one) => isUnread([{ where, why: "" }], one)))
      throw new Fault("refused", `cannot read ${where}: ${lines.join(" ")}`)
  const others = known(differences)
  if (others.length === 0) return { type: "compared", id, inForce: undefined, differs: [] }
  await breathe()
  const [more, less] = [takenAway(now, to), takenAway(to, now)]
  const differs = others.filter(({ where }) => touched.has(where)).flatMap((one) => linesOf(one, more, less))
  return {
    type: "compared",
    id,
    inForce: await snapshots.save({ ...now, ...(to.made && { made: to.made }) }),
    differs,
  }
}

/** Of what was not read nobody knows whether it changed. */
function known(differences: readonly Difference[]): Difference[] {
  return differences.filter(({ kind }) => kind !== "unread")
}

/** The lines of one table or set that are in force and not the change's (`+`), or the other way round. */
function linesOf(difference: Difference, more: readonly string[], less: readonly string[]): string[] {
  const { where } = difference
  if (isOrder(difference)) return [`${where}: ${difference.lines.join(" ")}`]
  const own = (lines: readonly string[], sign: string): string[] =>
    lines.filter((line) => line.startsWith(`${where} `)).map((line) => `${sign} ${line}`)
  const lines = [...own(more, "+"), ...own(less, "-")]
  return lines.length > 0 ? lines : [`${where} differs in a policy or in the order of its rules`]
}
