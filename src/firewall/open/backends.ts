import { findProgram } from "../../system/find-program.ts"
import type { RunCommand } from "../../system/run-command.ts"
import type { Standby } from "../../system/standby-process.ts"
import { parseSave } from "../snapshot/text/save-text.ts"
import type { Detected } from "../tools/detect.ts"
import { type Family, type ToolPaths, toolName } from "../tools/table.ts"
import type { FirewallBackend } from "./backend.ts"
import { LegacyFirewall } from "./legacy/iptables-backend.ts"
import { Layer2Firewall } from "./legacy/layer2-backend.ts"
import { firstLegacyOf, type LegacyPort, legacyByCommand, legacyOneByOne } from "./legacy/loader.ts"
import { LegacyConsole } from "./legacy/standby-loader.ts"
import { firstOf, type NftPort, nftByCommand } from "./nft/loader.ts"
import { NftFirewall } from "./nft/nft-backend.ts"
import { NftConsole } from "./nft/standby-loader.ts"
import { NftWithFallback } from "./nft-with-fallback.ts"

/** A kind of loader that waits, and how to end it. */
export interface Console {
  readonly program: string
  /** Process ids of those that wait now. */
  pids(): readonly number[]
  close(): void
}

/** Everything that an open goes by, from what was detected. */
export interface Backends {
  readonly all: readonly FirewallBackend[]
  readonly nft: NftFirewall | undefined
  /** nft by commands, for listings that an open must not wait for. */
  readonly nftCommand: NftPort | undefined
  readonly legacy: readonly LegacyFirewall[]
  readonly layer2: readonly Layer2Firewall[]
  readonly consoles: readonly Console[]
}

/** The tables of a legacy family that the kernel holds now. */
export type Held = (family: Family) => readonly string[]

/**
 * Puts the backends together and starts their standby loaders. Each goes by the first way that works: the loader that
 * waits, a command that does the same, and for iptables the single commands of the old recipe.
 */
export function startBackends(
  run: RunCommand,
  standby: ConstructorParameters<typeof Standby>[1],
  detected: Detected,
  held: Held,
): Backends {
  const consoles: Console[] = []
  const { tools } = detected
  const { nft, nftCommand } = startNft(run, standby, tools, consoles)
  const legacy: LegacyFirewall[] = []
  const nftFallback: FirewallBackend[] = []
  for (const family of ["ip", "ip6"] as const) {
    const name = toolName("legacy", family, "command")
    const restore = toolName("legacy", family, "restore")
    const path = tools[restore]
    const ports = iptablesPorts(run, tools, "legacy", family)
    if (path !== undefined) {
      const console = new LegacyConsole(path, standby)
      consoles.push({ program: restore, pids: () => console.pids, close: () => console.close() })
      ports.unshift(console)
    }
    if (ports.length > 0) legacy.push(new LegacyFirewall(name, firstLegacyOf(ports), () => held(family)))
    const save = tools[toolName("nft", family, "save")]
    const nftPorts = iptablesPorts(run, tools, "nft", family)
    if (nftPorts.length > 0)
      nftFallback.push(new LegacyFirewall("nft", firstLegacyOf(nftPorts), () => savedTables(run, save)))
  }
  const all: FirewallBackend[] = [...legacy]
  // nft first: its bytes are on their way before anybody else's are made.
  if (nft !== undefined || nftFallback.length > 0) all.unshift(new NftWithFallback(nft, nftFallback))
  const layer2: Layer2Firewall[] = []
  for (const family of ["arp", "bridge"] as const) {
    const name = toolName("legacy", family, "command")
    const path = tools[name]
    if (path === undefined) continue
    const firewall = new Layer2Firewall(name, family, { run, start: standby.start, path }, () => held(family))
    consoles.push({ program: name, pids: () => firewall.pids, close: () => firewall.close() })
    layer2.push(firewall)
  }
  return { all: [...all, ...layer2], nft, nftCommand, legacy, layer2, consoles }
}

function startNft(
  run: RunCommand,
  standby: ConstructorParameters<typeof Standby>[1],
  { nft: path }: ToolPaths,
  consoles: Console[],
): { nft: NftFirewall | undefined; nftCommand: NftPort | undefined } {
  if (path === undefined) return { nft: undefined, nftCommand: undefined }
  const console = new NftConsole(path, standby)
  const pids = (): number[] => [console.pid].filter((pid) => pid !== undefined)
  consoles.push({ program: "nft", pids, close: () => console.close() })
  const nftCommand = nftByCommand(run, path)
  const nft = new NftFirewall(firstOf([console, nftCommand]), firstOf([nftCommand, console]))
  return { nft, nftCommand }
}

/** Restore first, then the single commands. */
function iptablesPorts(
  run: RunCommand,
  tools: ToolPaths,
  backend: "nft" | "legacy",
  family: "ip" | "ip6",
): LegacyPort[] {
  const env = findProgram("env")
  const restore = tools[toolName(backend, family, "restore")]
  const list = tools[toolName(backend, family, "command")]
  if (env === undefined) return []
  return [
    ...(restore === undefined ? [] : [legacyByCommand(run, { env, restore, list })]),
    ...(list === undefined ? [] : [legacyOneByOne(run, env, list)]),
  ]
}

/** Which of its tables iptables-nft has now: a listing would make those that it has not. */
async function savedTables(run: RunCommand, save: string | undefined): Promise<readonly string[]> {
  const saved = save === undefined ? undefined : await run({ path: save, args: [] })
  return saved?.ok ? parseSave(saved.stdout).map(({ table }) => table) : ["filter"]
}
