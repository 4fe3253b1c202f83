import type { FirewallWork } from "./firewall-work.ts"
import type { Journal } from "./journal.ts"

/** The opens that are under way, and what the journal says of them: what has to be settled should this guard be killed meanwhile. */
export class OpensUnderWay {
  readonly #work: Pick<FirewallWork, "open">
  readonly #write: () => unknown
  #count = 0
  /** Have the rules from before them been kept? */
  #kept: boolean

  /**
   * @param write writes the journal
   * @param cutOff how far an open had come whose guard was killed; the first one here ends it
   */
  constructor(work: Pick<FirewallWork, "open">, write: () => unknown, cutOff?: Journal["opening"]) {
    this.#work = work
    this.#write = write
    this.#kept = cutOff === "kept"
  }

  get journalled(): Pick<Journal, "opening"> {
    return this.#count === 0 ? {} : { opening: this.#kept ? "kept" : "begun" }
  }

  /**
   * Opens. The journal is written while the kernel is at it, when all that it has to do is on its way.
   * @param owesNow a way back is owed from now on, which nobody may be killed before it is written down
   */
  async open(hard: boolean, owesNow: boolean, tell?: Parameters<FirewallWork["open"]>[1]): Promise<void> {
    const opening = this.#work.open(hard, tell)
    this.#count += 1
    if (owesNow) this.#write()
    else setImmediate(() => this.#count > 0 && this.#write())
    await opening
    this.#count -= 1
    if (this.#count === 0) this.#kept = false
    this.#write()
  }

  /** An open has kept the rules from before it, and is about to take them away. */
  rulesKept(): void {
    this.#kept = this.#count > 0
    this.#write()
  }
}
