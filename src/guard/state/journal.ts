import { existsSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Fault } from "../../errors.ts"
import { bootId } from "../../system/boot-id.ts"
import { writeDurably } from "../../system/files/durable-file.ts"
import type { Reverting } from "../machine/change.ts"
import type { SessionConfiguration } from "../machine/configuration.ts"
import type { NoUndo, OpenSince } from "../machine/open-since.ts"
import type { OpenFacts } from "../machine/outcomes/open-since.ts"
import {
  type LastChange,
  newSession,
  type OpeningState,
  type SessionRecord,
  type SnapshotRef,
} from "../machine/record.ts"
import { firstRetryMs } from "../machine/transitions/open.ts"
import { readOpenMarker, removeOpenMarker } from "./open-marker.ts"
import { type OpenOnDisk, openOnDisk, undoableOf } from "./open-on-disk.ts"
import { readPrivateFile } from "./private-file.ts"

/**
 * The part of a session's record that a killed guard leaves behind, so that another one can go on with it. It holds the secrets, so it lies in
 * the runtime folder only, which is a tmpfs: a reboot ends every session.
 */
export interface Journal {
  readonly version: 1
  /** /proc/sys/kernel/random/boot_id: the boot clock of another boot says nothing here. */
  readonly bootId: string
  readonly configuration: SessionConfiguration
  /** When the session ends, on the boot clock, in milliseconds. */
  readonly deadlineMs: number
  /** When `--open-for` goes back, on the boot clock; 0 when nothing is owed. */
  readonly closeAgainMs: number
  /** Wall clock when the session began: no older one-way knock of a standing secret counts. */
  readonly bornWallMs: number
  /** The snapshots to go back to, as paths; empty where there is none on disk. */
  readonly armingSnapshot: string
  readonly lastOpenSnapshot: string
  /** An open was under way; "kept": the snapshot of the last open is of this one. In a file of its own. */
  readonly opening?: OpeningState
  /** The change that waits for its confirmation; its rules are in the state folder. */
  readonly change?: JournalledChange
  readonly lastChange?: LastChange
  /** The open that is in force; the one that an undo goes back to, and the one that a rollback does. */
  readonly openSince?: OpenSince
  readonly openBefore?: OpenSince
  readonly openAtArming?: OpenSince
  readonly noUndo?: NoUndo
  /** When a session that was armed for one change ends because that is over, on the boot clock. */
  readonly changeOverMs?: number
}

/** A change from the moment before it is applied to its end, as the journal has it. */
export interface JournalledChange {
  readonly id: string
  readonly user: string
  readonly withinMs: number
  readonly save: boolean
  readonly sshPort: number
  readonly client: string
  /** When it reverts, on the boot clock, in milliseconds. */
  readonly deadlineMs: number
  /** False from just before the rules are changed until that is done. */
  readonly applied: boolean
  readonly opened: boolean
  readonly standing: readonly string[]
  /** Where its rules are: in the state folder, or in the runtime folder when that cannot be written. */
  readonly before: string
  readonly candidate: string
  /** It goes back, since when and why. */
  readonly reverting?: Reverting
  /** The open that was in force before it. */
  readonly openBefore?: OpenOnDisk
}

const fileName = "journal.json"

/**
 * Writes the journal, whole or not at all, mode 0600.
 * @throws Fault when it cannot be written
 */
export function writeJournal(runtimeFolder: string, record: SessionRecord): void {
  writeDurably(join(runtimeFolder, fileName), JSON.stringify(journalOf(record, bootId())))
}

/** The part of a record that survives a kill. @param boot the identity of this boot */
export function journalOf(record: SessionRecord, boot: string): Omit<Journal, "opening"> {
  const { configuration, bornWallMs, lastChange, openSince, openBefore, openAtArming, changeOverMs } = record
  const change = changeOf(record)
  const there = { change, lastChange, openSince, openBefore, openAtArming, changeOverMs }
  return {
    version: 1,
    bootId: boot,
    configuration,
    deadlineMs: record.endsAtMs,
    closeAgainMs: record.debt?.dueMs ?? 0,
    bornWallMs,
    armingSnapshot: record.arming?.path ?? "",
    lastOpenSnapshot: record.lastOpen?.path ?? "",
    noUndo: record.noUndo,
    ...Object.fromEntries(Object.entries(there).filter(([, value]) => value !== undefined)),
  }
}

/** A change that is being prepared owes nothing. */
function changeOf({ change }: SessionRecord): JournalledChange | undefined {
  if (change === undefined || change.stage === "preparing") return undefined
  const { id, user, withinMs, save, sshPort, client, deadlineMs, opened, standing } = change
  const { reverting, openBefore } = change
  return {
    ...{ id, user, withinMs, save, sshPort, client, deadlineMs, opened, standing },
    // Nobody who has confirmed it is there any more: it waits.
    applied: ["waiting", "comparing", "reverting"].includes(change.stage),
    ...(reverting === undefined ? {} : { reverting }),
    ...(openBefore === undefined ? {} : { openBefore: openOnDisk(openBefore) }),
    before: change.before?.path ?? "",
    candidate: change.candidate?.path ?? "",
  }
}

/**
 * The session of a guard that was killed, for the one that goes on with it.
 * @param load finds a snapshot by its path; undefined where it is lost
 */
export function sessionOf(
  journal: Journal,
  load: (path: string) => SnapshotRef | undefined,
  now: { readonly bootMs: number; readonly wallMs: number },
): SessionRecord {
  const { closeAgainMs, change, lastChange, opening } = journal
  // One that was written before there was a second road does not tell of it.
  const configuration = { ...journal.configuration, tcpPorts: journal.configuration.tcpPorts ?? [] }
  const lastOpen = load(journal.lastOpenSnapshot)
  const lost = lastOpen === undefined && journal.lastOpenSnapshot !== ""
  const begun = newSession(configuration, load(journal.armingSnapshot), now)
  return {
    ...begun,
    bornWallMs: journal.bornWallMs,
    resumed: true,
    endsAtMs: journal.deadlineMs,
    debt: closeAgainMs === 0 ? undefined : { dueMs: closeAgainMs, retryMs: firstRetryMs, open: 0 },
    lastOpen,
    noUndo: lost ? { why: "lost" } : (journal.noUndo ?? begun.noUndo),
    openSince: journal.openSince,
    openBefore: journal.openBefore,
    openAtArming: journal.openAtArming,
    changeOverMs: journal.changeOverMs,
    marked: opening,
    cutOff: opening,
    change: change && {
      ...change,
      stage: !change.applied ? "applying" : change.reverting === undefined ? "waiting" : "reverting",
      force: false,
      before: load(change.before),
      candidate: load(change.candidate),
      ask: undefined,
      calledOff: undefined,
      failed: undefined,
      confirming: undefined,
      reverting: change.reverting,
      openBefore: change.openBefore && undoableOf(change.openBefore, load),
    },
    lastChange,
  }
}

/** The open that was in force when the guard was killed, as everybody is told of it. */
export function journalledOpen({ openSince, lastOpenSnapshot }: Journal): OpenFacts | undefined {
  if (openSince === undefined) return undefined
  const { atMs, scope, whole } = openSince
  return { sinceMs: atMs, scope, whole, undoable: lastOpenSnapshot !== "" }
}

/** With what an open has left beside it. */
export function removeJournal(runtimeFolder: string): void {
  removeOpenMarker(runtimeFolder)
  rmSync(join(runtimeFolder, fileName), { force: true })
}

/** Tells whether there is a journal at all, whatever it says. */
export function hasJournal(runtimeFolder: string): boolean {
  return existsSync(join(runtimeFolder, fileName))
}

/**
 * Reads the journal of this boot.
 * @returns undefined when there is none, or one of an earlier boot, which is removed: its session is over
 * @throws Fault `configuration` when it is not root's alone, or not a journal: it is left where it is
 */
export function readJournal(runtimeFolder: string): Journal | undefined {
  const path = join(runtimeFolder, fileName)
  const text = readPrivateFile(path, (why) => distrusted(path, why))
  if (text === undefined) return undefined
  const journal = parse(text)
  if (journal === undefined) throw distrusted(path, "it is no journal of this program")
  const opening = readOpenMarker(runtimeFolder)
  if (journal.bootId === bootId()) return opening === undefined ? journal : { ...journal, opening }
  removeJournal(runtimeFolder)
  return undefined
}

/** Shape only: it was written by root, and nobody else could. */
function parse(text: string): Journal | undefined {
  try {
    const value = JSON.parse(text) as Journal
    const { configuration, deadlineMs, closeAgainMs, bornWallMs } = value
    const numbers = [deadlineMs, closeAgainMs, bornWallMs]
    return value.version === 1 && numbers.every(Number.isFinite) && Array.isArray(configuration.secrets)
      ? value
      : undefined
  } catch {
    return undefined // no cause is kept: it would quote the secrets
  }
}

function distrusted(path: string, why: string): Fault {
  return new Fault("configuration", `cannot use the journal ${path}: ${why}`, {
    hint: "look at it, remove it, and arm again",
  })
}
