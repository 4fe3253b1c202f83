import type { OpeningState } from "./opening-mark.ts"

/** The opens that are under way, and what a guard that is killed meanwhile leaves of them for the next one to settle. */
export class OpensUnderWay {
  readonly #mark: (state: OpeningState | undefined) => void
  #count = 0
  #marked: OpeningState | undefined

  /**
   * @param mark writes down how far they have come; undefined when there is none. An open waits for it
   * @param cutOff how far an open had come whose guard was killed; the first one here ends it
   */
  constructor(mark: (state: OpeningState | undefined) => void, cutOff?: OpeningState) {
    this.#mark = mark
    this.#marked = cutOff
  }

  /** One is about to begin: written down before the kernel has any of it. */
  begun(): void {
    this.#count += 1
    if (this.#marked === undefined) this.#become("begun")
  }

  /** One has kept the rules from before it, and is about to take them away. */
  rulesKept(): void {
    if (this.#count > 0) this.#become("kept")
  }

  /** One has settled. */
  settled(): void {
    this.#count -= 1
    if (this.#count === 0) this.#become(undefined)
  }

  #become(state: OpeningState | undefined): void {
    this.#marked = state
    this.#mark(state)
  }
}
