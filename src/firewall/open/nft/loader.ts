import type { RunCommand } from "../../../system/process/run-command.ts"
import { failureOf } from "../../../system/process/run-command.ts"
import { readTimeoutMs } from "../../snapshot/reading.ts"
import type { Loaded } from "../backend.ts"

/** Loads into nf_tables, and lists it; neither method ever rejects. */
export interface NftLoader {
  /** Loads one line (nft's language, or a JSON object) as one transaction: all of it or nothing. */
  load(line: string): Promise<Loaded>
  /**
   * The text that one `list` command prints, with handles and numeric priorities; undefined when it could not be had.
   * `terse` allows it to leave out the elements of sets and maps, which may be many.
   */
  list(command: string, terse?: "terse"): Promise<string | undefined>
}

/** The options of every listing: handles, and priorities as numbers. */
export const listingOptions: readonly string[] = ["-a", "-y"]

/** {@link NftLoader} by a command each time: for where no standby can be had. */
export function nftByCommand(run: RunCommand, path: string): NftLoader {
  return {
    async load(line) {
      // With -j nft opens /dev/stdin by name, which fails on the socket that is our pipe; `-f -` without -j reads it.
      const json = line.startsWith("{")
      const result = await run({
        path,
        ...(json ? { args: ["-j", line] } : { args: ["-f", "-"], input: `${line}\n` }),
      })
      return result.ok ? { ok: true } : { ok: false, error: failureOf(result) }
    },
    async list(command, terse) {
      const args = [...listingOptions, ...(terse ? ["-t"] : []), ...command.split(" ")]
      const result = await run({ path, args, timeoutMs: readTimeoutMs })
      return result.ok ? result.stdout : undefined
    },
  }
}

/**
 * Tries the loaders in order until one loads; the errors of all are told when none does. The one that has listed last is asked
 * first: another one may have taken half a minute to fail.
 */
export function firstOf(loaders: readonly NftLoader[]): NftLoader {
  let lister: NftLoader | undefined
  return {
    async load(line) {
      const errors: string[] = []
      for (const loader of loaders) {
        const result = await loader.load(line)
        if (result.ok) return result
        if (!errors.includes(result.error)) errors.push(result.error)
      }
      return { ok: false, error: errors.join("; ") || "there is no nft" }
    },
    async list(command, terse) {
      const order = lister === undefined ? loaders : [lister, ...loaders.filter((one) => one !== lister)]
      for (const loader of order) {
        const text = await loader.list(command, terse)
        if (text === undefined) continue
        lister = loader
        return text
      }
      return undefined
    },
  }
}
