import type { Outcome } from "../report/outcome.ts"
import type { Change } from "./change/change.ts"
import type { Deadlines } from "./deadlines.ts"
import type { FirewallWork } from "./rules/operations.ts"
import type { GoBackTo } from "./rules/rollback-points.ts"

/** A way back after an open that failed is tried again after so long, and then after twice as long each time; milliseconds. */
const firstRetryMs = 10_000
const longestRetryMs = 300_000

interface WaysBackDeps {
  readonly work: Pick<FirewallWork, "goBack">
  readonly change: Change | undefined
  readonly deadlines: Pick<Deadlines, "closeAgainIn" | "closesAgain" | "forgetCloseAgain">
  /** Writes the journal. */
  readonly write: () => unknown
  /** Is the session ending, which does what is owed by itself? */
  readonly isOver: () => boolean
}

/** The ways back of a session: asked for, or owed by `--open-for`. */
export class WaysBack {
  readonly #deps: WaysBackDeps
  #retryMs = firstRetryMs

  constructor(deps: WaysBackDeps) {
    this.#deps = deps
  }

  /** A way back is owed so long from now, in milliseconds. */
  owedIn(ms: number): void {
    this.#deps.deadlines.closeAgainIn(ms)
    this.#retryMs = firstRetryMs
  }

  /** Goes back, which keeps what `--open-for` promised. */
  async goBack(which: GoBackTo): Promise<Outcome> {
    const { change, work, deadlines, write } = this.#deps
    deadlines.forgetCloseAgain()
    // The rules of arming are older than any change: it is over with them.
    if (which === "arming") await change?.rollBack("the session goes back to the rules in force at arming")
    const outcome = await work.goBack(which)
    if (which === "last-open" && outcome.event === "rolled-back") change?.openUndone()
    write()
    return outcome
  }

  /** What `--open-for` promised: tried until it works, another open puts it off, or the session ends. */
  async closeAgain(): Promise<void> {
    const { deadlines, isOver, write } = this.#deps
    const outcome = await this.goBack("arming")
    if (outcome.event !== "rollback-failed" || isOver() || deadlines.closesAgain) return
    deadlines.closeAgainIn(this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs)
    write()
  }
}
