import type { Rejection } from "../../wire/decoded.ts"
import type { ListenerSupervisor } from "./supervisor.ts"

/** How often what was refused is news, in milliseconds: who sends noise must not fill the log. */
const newsEveryMs = 60_000

/** Counts what was refused, by `stage/reason`: the guard's own refusals and those that listeners report. */
export class RejectionCounts {
  readonly #own = new Map<string, number>()
  #reported = ""
  #reportedMs = Number.NEGATIVE_INFINITY

  add({ stage, reason }: Rejection): void {
    const key = `${stage}/${reason}`
    this.#own.set(key, (this.#own.get(key) ?? 0) + 1)
  }

  /** All counts so far. */
  totals(listener: ListenerSupervisor | undefined): Record<string, number> {
    const all = { ...listener?.counts.rejected }
    for (const [reason, count] of this.#own) all[reason] = (all[reason] ?? 0) + count
    if (listener !== undefined && listener.unparsed > 0) all["pipe/unparsed"] = listener.unparsed
    return all
  }

  /**
   * The totals as one line when something new was refused since the last one, at most once a minute, else undefined.
   * Copies of one packet are no news.
   */
  news(listener: ListenerSupervisor | undefined, bootMs: number): string | undefined {
    if (bootMs - this.#reportedMs < newsEveryMs) return undefined
    const text = Object.entries(this.totals(listener))
      .filter(([reason]) => !reason.endsWith("/copy"))
      .map(([reason, count]) => `${reason} ${count}`)
      .join(", ")
    if (text === this.#reported) return undefined
    this.#reported = text
    this.#reportedMs = bootMs
    return text
  }
}
