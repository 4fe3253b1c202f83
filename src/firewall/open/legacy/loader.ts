import type { RunCommand } from "../../../system/process/run-command.ts"
import { failureOf } from "../../../system/process/run-command.ts"
import { privateLock } from "../../tools/tool-paths.ts"
import type { Loaded } from "../backend.ts"

/** Loads into one legacy family, and lists it; neither method ever rejects. */
export interface LegacyLoader {
  /** Commits one section (`*TABLE` to `COMMIT`) without flushing what it does not name. */
  commit(section: string): Promise<Loaded>
  /** The text that `-S` prints for one table; undefined when it could not be had. */
  rules(table: string): Promise<string | undefined>
}

/** {@link LegacyLoader} by a command each time. */
export function legacyByCommand(
  run: RunCommand,
  paths: { readonly env: string; readonly restore: string; readonly list: string | undefined },
): LegacyLoader {
  const { env, restore, list } = paths
  return {
    async commit(section) {
      let error = ""
      // A restore that meets another writer at COMMIT fails with EAGAIN, 2 in 100: again is enough.
      for (let attempt = 0; attempt < 4; attempt++) {
        const result = await run({ path: env, args: [privateLock, restore, "--noflush"], input: section })
        if (result.ok) return { ok: true }
        error = failureOf(result)
        if (result.startError !== undefined) break
      }
      return { ok: false, error }
    },
    async rules(table) {
      if (list === undefined) return undefined
      const result = await run({ path: env, args: [privateLock, list, "-t", table, "-S"], timeoutMs: 60_000 })
      return result.ok ? result.stdout : undefined
    },
  }
}

/** Tries the loaders in order until one commits, or lists. */
export function firstLegacyOf(loaders: readonly LegacyLoader[]): LegacyLoader {
  return {
    async commit(section) {
      const errors: string[] = []
      for (const loader of loaders) {
        const result = await loader.commit(section)
        if (result.ok) return result
        if (!errors.includes(result.error)) errors.push(result.error)
      }
      return { ok: false, error: errors.join("; ") }
    },
    async rules(table) {
      for (const loader of loaders) {
        const text = await loader.rules(table)
        if (text !== undefined) return text
      }
      return undefined
    },
  }
}

/** {@link LegacyLoader} by `iptables` commands, one a line, as the old recipe did: not atomic, but it needs no restore. */
export function legacyOneByOne(run: RunCommand, env: string, path: string): LegacyLoader {
  return {
    async commit(section) {
      const [header = "", ...lines] = section.trim().split("\n").slice(0, -1)
      const errors: string[] = []
      for (const line of lines) {
        const args = words(line.replace(/^:(\S+) (\S+).*/, "-P $1 $2"))
        const result = await run({ path: env, args: [privateLock, path, "-t", header.slice(1), ...args] })
        if (!result.ok) errors.push(failureOf(result))
      }
      return errors.length === 0 ? { ok: true } : { ok: false, error: errors.join("; ") }
    },
    async rules() {
      return undefined
    },
  }
}

/** The words of a rule as `-S` prints it: double quotes, in which a backslash escapes (xshared.c, add_param_to_argv). */
function words(line: string): string[] {
  return [...line.matchAll(/(?:[^\s"]|"(?:[^"\\]|\\.)*")+/g)].map(([word]) =>
    word.replace(/"((?:[^"\\]|\\.)*)"/g, (_, inside: string) => inside.replace(/\\(.)/g, "$1")),
  )
}
