import type { Clock } from "../../clock.ts"
import type { RunCommand } from "../../system/process/run-command.ts"
import type { ToolPaths } from "../tools/table.ts"

export interface SnapshotDeps {
  readonly run: RunCommand
  readonly tools: ToolPaths
  readonly clock: Clock
  /** /proc/net of the namespace that `run` works in, where this process can read it itself; else `cat` is run there. */
  readonly procNet?: string
  /** Nobody else writes rules there, so that one look is enough. */
  readonly undisturbed?: boolean
}

/** Rules that could not be read: nobody knows them, which is not the same as there being none. */
export interface Unread {
  /** A whole backend ("nft", "iptables-legacy", "ipset") or one table of it ("nft ip filter"), as differences name them. */
  readonly where: string
  readonly why: string
  /** Of a table of nf_tables: its hooks are switched off. */
  readonly asleep?: true
}

/** The rules that were found, and those that could not be read. */
export interface Reading<T> {
  readonly found: T
  readonly unread: readonly Unread[]
}

/** A backend, or a part of one, of which nothing could be read. */
export function nothingRead<T>(where: string, why: string): Reading<readonly T[]> {
  return { found: [], unread: [{ where, why }] }
}

/** Why rules are unread that no tool failed at. */
export const keptChanging = "the rules changed while they were read, each time that it was tried"

/** Tells whether this table or set could not be read, alone or with its whole backend. */
export function isUnread(unread: readonly Unread[], where: string): boolean {
  return unread.some((one) => where === one.where || where.startsWith(`${one.where} `))
}

/** Listing 20 000 rules takes half a second; a machine under load gets half a minute before a tool counts as hanging. */
export const readTimeoutMs = 30_000

/**
 * Lets the event loop have a turn between two long calculations: a comparison of very large rulesets takes 0.2 s, and
 * a knock may be waiting.
 */
export async function breathe(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
