import { reasonOf } from "../../errors.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { LeftBehind } from "../machine/left-behind.ts"
import { type OpeningState, owesRollback, type SessionRecord } from "../machine/record.ts"
import type { ChangeRollback } from "../reboot/change-rollback.ts"
import type { SessionRollback } from "../reboot/session-rollback.ts"
import { removeJournal, writeJournal } from "../state/journal.ts"
import { leftFileOf, writeLeft } from "../state/left-file.ts"
import { OpenMarker } from "../state/open-marker.ts"

/** Writes down what has to survive a kill of the guard. */
export interface RecordWriter {
  /** @returns whether it is on disk; that it is not has been said */
  write(record: SessionRecord): boolean
  /** How far an open has come. */
  mark(state: OpeningState | undefined): void
  /**
   * Writes what outlives the session, which has done everything.
   * @throws Fault when it cannot be written
   */
  leave(behind: LeftBehind, quiet: boolean): void
}

/** The record in the journal, the mark beside it, and what is owed also where a reboot leaves it. */
export class DiskRecord implements RecordWriter {
  readonly #runtimeFolder: string
  readonly #session: SessionRollback
  readonly #change: ChangeRollback
  readonly #emit: (outcome: Outcome) => void
  #marker: OpenMarker | undefined

  constructor(
    runtimeFolder: string,
    session: SessionRollback,
    change: ChangeRollback,
    emit: (outcome: Outcome) => void,
  ) {
    this.#runtimeFolder = runtimeFolder
    this.#session = session
    this.#change = change
    this.#emit = emit
    this.#attempt(() => {
      this.#marker = OpenMarker.in(runtimeFolder)
    })
  }

  write(record: SessionRecord): boolean {
    const written = this.#attempt(() => writeJournal(this.#runtimeFolder, record))
    this.#session.follow(owesRollback(record) ? record.arming : undefined)
    this.#change.follow(record.change)
    return written
  }

  mark(state: OpeningState | undefined): void {
    this.#attempt(() => this.#marker?.write(state))
  }

  leave(behind: LeftBehind, quiet: boolean): void {
    const left = leftFileOf(behind, quiet)
    try {
      writeLeft(this.#runtimeFolder, left)
    } catch {
      // The folder is full, and the journal of a session that is over is in the way.
      removeJournal(this.#runtimeFolder)
      writeLeft(this.#runtimeFolder, left)
    }
  }

  close(): void {
    this.#marker?.close()
  }

  #attempt(write: () => void): boolean {
    try {
      write()
      return true
    } catch (thrown) {
      const message = `a killed guard could not be resumed: ${reasonOf(thrown)}`
      this.#emit({ event: "journal-not-written", code: "state-unknown", message })
      return false
    }
  }
}
