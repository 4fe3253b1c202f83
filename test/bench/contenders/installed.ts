import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { benchFolder } from "../paths.ts"

/** Why these programs cannot run: the first that is not on this machine. */
export function notInstalled(...programs: readonly string[]): string | undefined {
  const absent = programs.find((program) => pathOf(program) === undefined)
  return absent === undefined ? undefined : `${absent} is not installed`
}

/** Where a program lies; daemons want whole paths. */
export function pathOf(program: string): string | undefined {
  const { status, stdout } = spawnSync("which", [program], { encoding: "utf8" })
  return status === 0 ? stdout.trim() : undefined
}

/** Writes a configuration from this folder to `path`, mode 0600, with every `@NAME@` replaced. */
export function configure(template: string, path: string, values: Readonly<Record<string, string>>): string {
  const text = readFileSync(join(benchFolder, "contenders", template), "utf8")
  const filled = text.replace(/@([A-Z0-9_]+)@/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`${template}: nothing for @${name}@`)
    return value
  })
  writeFileSync(path, filled, { mode: 0o600 })
  return path
}

/** The commands that open a firewall in one commit, as this server's `iptables` is. */
export function restoring(iptables: string): Record<string, string> {
  return {
    RESTORE: pathOf(`${iptables}-restore`) ?? "",
    RESTORE6: pathOf(`${iptables.replace("iptables", "ip6tables")}-restore`) ?? "",
    RULES: join(benchFolder, "contenders/open.rules"),
  }
}

/** How many lines a log has; none when there is none. */
export function linesIn(path: string): number {
  try {
    return readFileSync(path).reduce((lines, byte) => lines + (byte === 0x0a ? 1 : 0), 0)
  } catch {
    return 0
  }
}
