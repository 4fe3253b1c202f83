import { readFileSync } from "node:fs"
import { reasonOf } from "../../errors.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { Change } from "../machine/record.ts"
import { forgetOwed, keepOwedTexts } from "./pending-rollback.ts"

/** While a change of fw-apply waits for its confirmation, keeps in the state folder what a reboot would forget of it. */
export class ChangeRollback {
  readonly #stateFolder: string
  readonly #emit: (outcome: Outcome) => void
  #id: string | undefined
  #last: Promise<void> = Promise.resolve()
  #over = false

  constructor(stateFolder: string, emit: (outcome: Outcome) => void) {
    this.#stateFolder = stateFolder
    this.#emit = emit
  }

  /** The change of the session now, or none; one that is being prepared owes nothing. */
  follow(change: Change | undefined): void {
    const owing = change?.stage === "preparing" ? undefined : change
    if (owing?.id === this.#id || this.#over) return
    this.#id = owing?.id
    this.#last = this.#last.then(() => this.#keep(owing))
  }

  /** The session ends, and takes the change back. @param keep what is written down is still of use */
  end(keep: boolean): void {
    if (!keep) this.follow(undefined)
    this.#over = true
  }

  /** Settles when everything is written. */
  async idle(): Promise<void> {
    await this.#last
  }

  async #keep(change: Change | undefined): Promise<void> {
    try {
      if (change === undefined) return forgetOwed(this.#stateFolder, "change")
      const [before, unconfirmed] = [change.before, change.candidate].map((ref) =>
        readFileSync(ref?.path ?? "", "utf8"),
      )
      if (before !== undefined && unconfirmed !== undefined)
        await keepOwedTexts(this.#stateFolder, "change", { before, unconfirmed })
    } catch (thrown) {
      const message = `a reboot would forget the change that waits: ${reasonOf(thrown)}`
      this.#emit({ event: "owed-not-written", code: "state-unknown", message })
    }
  }
}
