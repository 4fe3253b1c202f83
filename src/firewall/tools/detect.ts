import { readFileSync, realpathSync } from "node:fs"
import { basename } from "node:path"
import { findProgram } from "../../system/find-program.ts"
import type { RunCommand } from "../../system/run-command.ts"

/** The programs an open may use, by the names that fix the backend: plain `iptables` is either one, by alternatives. */
const toolNames = [
  "nft",
  "iptables-nft",
  "iptables-nft-restore",
  "iptables-nft-save",
  "ip6tables-nft",
  "ip6tables-nft-restore",
  "ip6tables-nft-save",
  "iptables-legacy",
  "iptables-legacy-restore",
  "iptables-legacy-save",
  "ip6tables-legacy",
  "ip6tables-legacy-restore",
  "ip6tables-legacy-save",
  "arptables-legacy",
  "ebtables-legacy",
] as const
export type ToolName = (typeof toolNames)[number]

/** These load the kernel's module and make their table before they look at what they are asked, `--version` too. */
const neverAsked: ReadonlySet<ToolName> = new Set(["arptables-legacy", "ebtables-legacy"])

/** One program that is there. `version` is what it says about itself, or undefined when it could not be asked. */
export interface Tool {
  readonly name: ToolName
  /** Absolute path. */
  readonly path: string
  readonly version: string | undefined
}

/** The legacy families; each has its own tables in the kernel, which nf_tables knows nothing of. */
export type LegacyFamily = "ip" | "ip6" | "arp" | "eb"

/** What this machine has to filter with. */
export interface Detected {
  readonly tools: ReadonlyMap<ToolName, Tool>
  /** Legacy tables that the kernel holds for this network namespace, by family. */
  readonly legacyTables: Readonly<Record<LegacyFamily, readonly string[]>>
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
export function legacyTablesOf(family: LegacyFamily, readText: ReadText): string[] {
  if (family !== "eb") return (readText(`/proc/net/${family}_tables_names`) ?? "").split("\n").filter(Boolean)
  const modules = readText("/proc/modules") ?? ""
  return [...modules.matchAll(/^ebtable_(filter|nat|broute) /gm)].map((match) => `${match[1]}`)
}

/** {@link legacyTablesOf} of all families. */
export function legacyTables(readText: ReadText): Record<LegacyFamily, string[]> {
  const of = (family: LegacyFamily): string[] => legacyTablesOf(family, readText)
  return { ip: of("ip"), ip6: of("ip6"), arp: of("arp"), eb: of("eb") }
}

/**
 * Which firewall programs are here, and which legacy tables the kernel holds. Loads no kernel module: only `--version`
 * is asked. Where a distribution has no suffixed names, a plain `iptables-restore` stands for the backend that its
 * version line names; one older than 1.8 names none and is legacy.
 */
export async function detect(run: RunCommand, readText: ReadText = readTextFile): Promise<Detected> {
  const versions = new Map<string, Promise<string | undefined>>()
  const versionOf = (path: string) => {
    const known = versions.get(path)
    if (known) return known
    const asked = askVersion(run, path)
    versions.set(path, asked)
    return asked
  }
  const found = await Promise.all(
    toolNames.map(async (name): Promise<Tool | undefined> => {
      const path = findProgram(name)
      // The multi-call programs share one version: asking the short name of each backend is enough.
      const leader = findProgram(name.replace(/-(restore|save)$/, "")) ?? path
      if (path !== undefined && neverAsked.has(name)) return { name, path, version: undefined }
      if (path !== undefined) return { name, path, version: leader && (await versionOf(leader)) }
      const plain = findProgram(name.replace(/-(nft|legacy)/, ""))
      if (plain === undefined || name === "nft") return undefined
      const version = await versionOf(plain)
      const backend = version?.includes("nf_tables") ? "-nft" : "-legacy"
      return version !== undefined && name.includes(backend) ? { name, path: plain, version } : undefined
    }),
  )
  const nft = found.find((tool) => tool?.name === "nft")
  const noNft = nft !== undefined && (await kernelLacksNft(run, nft.path))
  const tools = found.filter((tool) => tool !== undefined).filter(({ name }) => !(noNft && /nft/.test(name)))
  return { tools: new Map(tools.map((tool) => [tool.name, tool])), legacyTables: legacyTables(readText) }
}

/** A kernel without nf_tables answers its tools with EPROTONOSUPPORT or EOPNOTSUPP; then nothing of it can drop. */
async function kernelLacksNft(run: RunCommand, path: string): Promise<boolean> {
  const listed = await run({ path, args: ["list", "chains"] })
  return !listed.ok && /(Protocol|Operation) not supported/.test(listed.stderr)
}

async function askVersion(run: RunCommand, path: string): Promise<string | undefined> {
  const result = await run({ path, args: ["--version"], timeoutMs: 5_000 })
  return result.ok ? result.stdout.trim().split("\n")[0] : undefined
}

/** Does the program of this path work on the legacy tables? */
export function isLegacyProgram(path: string): boolean {
  try {
    return /legacy/.test(basename(realpathSync(path)))
  } catch {
    return false
  }
}
