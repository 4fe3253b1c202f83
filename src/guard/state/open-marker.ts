import { closeSync, constants, openSync, readFileSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"

/** How far an open has come that is under way: "kept" when the rules from before it are, and may be gone. */
export type OpeningState = "begun" | "kept"

const pathIn = (runtimeFolder: string): string => join(runtimeFolder, "opening")
/** One write over the same five bytes: it needs no room, and the next guard reads one of the three. */
const words = { begun: Buffer.from("begun"), kept: Buffer.from("kept "), none: Buffer.from("none ") }

/**
 * Says in a file beside the journal how far an open has come, for the guard that goes on when this one is killed: tables sleep that
 * have to be settled and woken. The open waits for it, 1.4 us; the journal takes an fsync, and is written while the kernel is at it.
 */
export class OpeningMark {
  readonly #file: number

  /**
   * What an earlier guard wrote stays until the first {@link write}.
   * @throws what openSync throws
   */
  constructor(path: string) {
    const { O_WRONLY, O_CREAT, O_NOFOLLOW } = constants
    this.#file = openSync(path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600)
  }

  static in(runtimeFolder: string): OpeningMark {
    return new OpeningMark(pathIn(runtimeFolder))
  }

  /** @throws what writeSync throws */
  write(state: OpeningState | undefined): void {
    writeSync(this.#file, words[state ?? "none"], 0, 5, 0)
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** What the guard that was killed wrote last; undefined where no open was under way, or there is no mark. */
export function readOpeningMark(runtimeFolder: string): OpeningState | undefined {
  try {
    const word = readFileSync(pathIn(runtimeFolder), "utf8").trim()
    return word === "begun" || word === "kept" ? word : undefined
  } catch {
    return undefined
  }
}

export function removeOpeningMark(runtimeFolder: string): void {
  rmSync(pathIn(runtimeFolder), { force: true })
}

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
