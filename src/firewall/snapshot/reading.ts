import type { Clock } from "../../clock.ts"
import type { RunCommand } from "../../system/process/run-command.ts"
import type { LegacyBackend, ToolPaths } from "../tools/table.ts"

/** A holder of rules on this machine; each is read by its own tool. */
export type Backend = "ipset" | "nft" | LegacyBackend

export interface SnapshotDeps {
  readonly run: RunCommand
  readonly tools: ToolPaths
  readonly clock: Clock
  /** /proc/net of the namespace that `run` works in, where this process can read it itself; else `cat` is run there. */
  readonly procNet?: string
  /** Nobody else writes rules there, so that one look is enough. */
  readonly undisturbed?: boolean
}

/** The rules that one backend held, or why they are not known. */
export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly backend: Backend; readonly why: string }

/** Listing 20 000 rules takes half a second; a machine under load gets a minute. */
export const readTimeoutMs = 60_000

/**
 * Lets the event loop have a turn between two long calculations: a comparison of very large rulesets takes 0.2 s, and
 * a knock may be waiting.
 */
export async function breathe(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
