import { readFileSync, realpathSync } from "node:fs"
import { basename } from "node:path"
import type { RunCommand } from "../../system/process/run-command.ts"
import { type Family, isIpFamily, type ToolName, type ToolPaths, tools } from "./table.ts"

/** The tools that can do something on this kernel. */
export interface Detected {
  readonly tools: ToolPaths
  /** Version numbers of nft and of the iptables commands; "?" of one that does not tell. In the order of the table. */
  readonly versions: ReadonlyMap<ToolName, string>
}

/** Reads a small text file whole; undefined when it cannot be read. */
export type ReadText = (path: string) => string | undefined

/** {@link ReadText} of this machine. */
export const readTextFile: ReadText = (path) => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

/**
 * The legacy tables of one family that the kernel holds, without asking the legacy commands: those load modules and create
 * tables. The file is per network namespace of the reading process, and takes 50 us to read. ebtables has no such file; its
 * table modules are looked for in /proc/modules instead.
 */
export function legacyTablesOf(family: Family, readText: ReadText): string[] {
  if (family !== "bridge")
    return (readText(`/proc/net/${family}_tables_names`) ?? "").split("\n").filter(Boolean)
  const modules = readText("/proc/modules") ?? ""
  return [...modules.matchAll(/^ebtable_(filter|nat|broute) /gm)].map((match) => `${match[1]}`)
}

/**
 * Asks the kernel whether it has nf_tables, and nft and the iptables commands for their versions. Loads no kernel module:
 * arptables-legacy and ebtables-legacy, which load theirs before they look at what they are asked, are not asked.
 * @param paths the tools that are here
 */
export async function detect(run: RunCommand, paths: ToolPaths): Promise<Detected> {
  const lacksNft = paths.nft !== undefined && (await kernelLacksNft(run, paths.nft))
  const usable: Partial<Record<ToolName, string>> = {}
  const versions: Promise<[ToolName, string]>[] = []
  // One program may have many names; it is asked once.
  const asked = new Map<string, Promise<string>>()
  const versionOf = (path: string): Promise<string> => {
    const file = fileOf(path) ?? path
    const version = asked.get(file) ?? askVersion(run, path)
    asked.set(file, version)
    return version
  }
  for (const { name, backend, family, kind } of tools) {
    const path = paths[name]
    if (path === undefined || (lacksNft && backend === "nft")) continue
    usable[name] = path
    if (name === "nft" || (kind === "command" && isIpFamily(family)))
      versions.push(versionOf(path).then((version) => [name, version]))
  }
  return { tools: usable, versions: new Map(await Promise.all(versions)) }
}

/** A kernel without nf_tables answers its tools with EPROTONOSUPPORT or EOPNOTSUPP; then nothing of it can drop. */
async function kernelLacksNft(run: RunCommand, path: string): Promise<boolean> {
  const listed = await run({ path, args: ["list", "chains"] })
  return !listed.ok && /(Protocol|Operation) not supported/.test(listed.stderr)
}

async function askVersion(run: RunCommand, path: string): Promise<string> {
  const result = await run({ path, args: ["--version"], timeoutMs: 5_000 })
  return (result.ok ? /\d+(\.\d+)+/.exec(result.stdout)?.[0] : undefined) ?? "?"
}

/**
 * True when the firewall program of this path works on the legacy tables, by the name of the file that its links lead to
 * (xtables-nft-multi, xtables-legacy-multi): `iptables` may be either. No process is started for it, since asking
 * arptables-legacy or ebtables-legacy anything loads kernel modules.
 */
export function isLegacyProgram(path: string): boolean {
  const file = fileOf(path)
  return file !== undefined && isLegacyFile(basename(file))
}

/** The file that the links of this path lead to; undefined when there is none. */
function fileOf(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

/** The same for the name of that file. Before iptables 1.8 there was one backend, and no name said so. */
export function isLegacyFile(name: string): boolean {
  return !name.includes("nft")
}
