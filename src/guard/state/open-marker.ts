import { closeSync, constants, openSync, readFileSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import type { OpeningState } from "../machine/record.ts"

const pathIn = (runtimeFolder: string): string => join(runtimeFolder, "opening")
/** One write over the same five bytes: it needs no room, and the next guard reads one of the three. */
const words = { begun: Buffer.from("begun"), kept: Buffer.from("kept "), none: Buffer.from("none ") }

/**
 * Says in a file beside the journal how far an open has come, for the guard that goes on when this one is killed: tables sleep that
 * have to be settled and woken. The open waits for it, 1.4 us; the journal takes an fsync, and is written while the kernel is at it.
 */
export class OpenMarker {
  readonly #file: number

  /**
   * The word of an earlier guard stays until the first {@link write}.
   * @throws what openSync throws
   */
  constructor(path: string) {
    const { O_WRONLY, O_CREAT, O_NOFOLLOW } = constants
    this.#file = openSync(path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600)
  }

  static in(runtimeFolder: string): OpenMarker {
    return new OpenMarker(pathIn(runtimeFolder))
  }

  /** @throws what writeSync throws */
  write(state: OpeningState | undefined): void {
    writeSync(this.#file, words[state ?? "none"], 0, 5, 0)
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** The last word of the guard that was killed; undefined where no open was under way, or there is no mark. */
export function readOpenMarker(runtimeFolder: string): OpeningState | undefined {
  try {
    const word = readFileSync(pathIn(runtimeFolder), "utf8").trim()
    return word === "begun" || word === "kept" ? word : undefined
  } catch {
    return undefined
  }
}

export function removeOpenMarker(runtimeFolder: string): void {
  rmSync(pathIn(runtimeFolder), { force: true })
}
