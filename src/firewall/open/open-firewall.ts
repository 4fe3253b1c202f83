import { reasonOf } from "../../errors.ts"
import type { ArmedFirewall, Committed, Opened, OpenOptions, Settled } from "./contract.ts"

/** The end of a whole open. */
export interface OpenReport extends Settled {
  /** Every step that had to work worked. */
  readonly ok: boolean
}

/** Keeps a snapshot between commit and settling. */
export type Keep = (opened: Opened) => Promise<unknown>

/**
 * A whole open, where nothing else is done to the firewall at the same time: commit, keep, settle, and once more when
 * another writer undid it. A guard takes the same steps one by one (guard/machine/transitions/open.ts).
 */
export function openFirewall(
  firewall: ArmedFirewall,
  options: OpenOptions,
  keep: Keep = async () => {},
): { readonly committed: Promise<Committed>; readonly settled: Promise<OpenReport> } {
  const committed = firewall.commit(options)
  return { committed, settled: settle(firewall, options, keep, committed) }
}

async function settle(
  firewall: ArmedFirewall,
  { scope }: OpenOptions,
  keep: Keep,
  committed: Promise<Committed>,
): Promise<OpenReport> {
  const first = await committed
  const notKept: string[] = []
  let kept = false
  let report: Settled = { changed: false, failures: first.failures, stillDropping: [] }
  for (let round = 1; round === 1 || (round === 2 && report.stillDropping.length > 0); round += 1) {
    const opened = kept ? undefined : await firewall.opened(scope)
    if (opened !== undefined) {
      kept = true
      await keep(opened).catch((thrown) => notKept.push(`keep: ${reasonOf(thrown)}`))
    }
    const settled = await firewall.settle(scope, () => false)
    report = { ...settled, changed: report.changed || settled.changed }
  }
  const isOpen = report.stillDropping.length === 0 && report.failures.length === 0
  const failures = [...(isOpen ? [] : [...first.failures, ...report.failures]), ...notKept]
  return { ...report, ok: failures.length === 0, failures }
}
