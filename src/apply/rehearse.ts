import type { ProveDeps } from "../firewall/restore/prove.ts"
import { writtenFiles } from "../firewall/sandbox/written-files.ts"
import { type Snapshot, takeSnapshot } from "../firewall/snapshot/snapshot.ts"
import { markWritten } from "../firewall/snapshot/written-sets.ts"
import type { InputWords } from "./candidate/input-words.ts"
import type { RuleInput } from "./input.ts"
import { checkLockout, type LockoutVerdict } from "./lockout/check.ts"
import { rehearseIpsets } from "./rehearsal/ipset-file.ts"
import { type MachineCopy, openMachineCopy } from "./rehearsal/machine-copy.ts"
import { rehearseNft, rehearseSave } from "./rehearsal/rule-file.ts"
import type { InputRun, RunLimits } from "./rehearsal/run-in-copy.ts"
import { type OpenCopy, rehearseScript } from "./script/rehearse.ts"
import type { SshConnection } from "./ssh-client.ts"

export type { LockoutVerdict } from "./lockout/check.ts"
export { InputRefused } from "./rehearsal/input-refused.ts"

/** An input that has run in a copy of this machine. */
export interface Rehearsal {
  /** The rules in force on the machine when the rehearsal began. */
  readonly before: Snapshot
  /** The rules in the copy after the input ran, before what is kept is put back. */
  readonly result: Snapshot
  readonly words: InputWords
  /** Files that the script would write; nothing was written. A removed one ends in " (removed)". */
  readonly writes: readonly string[]
  /** The things that the copy cannot do, or that fw-apply does not do, such as sysctls; a line each. */
  readonly notes: readonly string[]
  /** Loads the candidate into the copy and connects from the client's address; names the rule that stops it. */
  checkLockout(candidate: Snapshot, connection: SshConnection): Promise<LockoutVerdict>
  /** Ends the copy and everything in it. */
  close(): Promise<void>
}

export interface RehearseOptions {
  /** The time that the input may run, in milliseconds. */
  readonly timeoutMs: number
  /** The way in that the copy has to have; undefined on a console. */
  readonly connection: SshConnection | undefined
}

/** Everything that a rehearsal needs of the machine; a proof needs the same. */
export type RehearseDeps = ProveDeps

/**
 * Runs the input for real in throw-away namespaces with this machine's interfaces, addresses and rules. Changes nothing
 * on the machine. The copy lives until `close`.
 * @throws InputRefused naming file and line, in the tool's own words; Fault when no copy can be made
 */
export async function rehearse(
  deps: RehearseDeps,
  input: RuleInput,
  options: RehearseOptions,
): Promise<Rehearsal> {
  const here = deps.run === deps.runHere ? { procNet: "/proc/self/net" } : {}
  const reading = takeSnapshot({ ...deps, ...here }, "rehearsal")
  reading.catch(() => {})
  const limits = { folder: process.cwd(), timeoutMs: options.timeoutMs }
  const openCopy: OpenCopy = async (replacements) =>
    await openMachineCopy(deps, reading, options.connection, replacements)
  const done =
    input.format === "shell"
      ? await rehearseScript(openCopy, deps.system, input, limits)
      : await rehearseFile(await openCopy([]), deps, input, limits)
  const { copy } = done
  try {
    const { before } = copy
    const result = markWritten(before, await copy.snapshot("rehearsed"))
    let inForce = result
    return {
      before,
      result,
      words: done.words,
      writes: writtenFiles(copy.files),
      notes: [...copy.left, ...done.notes],
      checkLockout: async (candidate, connection) => {
        const held = inForce
        inForce = candidate
        return await checkLockout(deps, copy, held, candidate, connection)
      },
      close: copy.close,
    }
  } catch (thrown) {
    await copy.close()
    throw thrown
  }
}

async function rehearseFile(
  copy: MachineCopy,
  deps: RehearseDeps,
  input: RuleInput,
  limits: RunLimits,
): Promise<InputRun> {
  const load =
    input.format === "nft" ? rehearseNft : input.format === "ipset-save" ? rehearseIpsets : rehearseSave
  try {
    return { copy, words: await load(copy, deps.system, input, limits), notes: [] }
  } catch (thrown) {
    await copy.close()
    throw thrown
  }
}
