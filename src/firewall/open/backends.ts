import { findProgram } from "../../system/process/find-program.ts"
import type { RunCommand } from "../../system/process/run-command.ts"
import type { StandbyProcess } from "../../system/process/standby-process.ts"
import { legacyHookPlaces } from "../snapshot/text/base-hook.ts"
import { parseSave } from "../snapshot/text/save-text.ts"
import type { Detected } from "../tools/detect.ts"
import { type Family, type ToolPaths, toolName } from "../tools/table.ts"
import type { FirewallBackend } from "./backend.ts"
import { IptablesBackend } from "./legacy/iptables-backend.ts"
import { Layer2Backend } from "./legacy/layer2-backend.ts"
import { firstLegacyOf, type LegacyLoader, legacyByCommand, legacyOneByOne } from "./legacy/loader.ts"
import { LegacyStandbyLoader } from "./legacy/standby-loader.ts"
import { firstOf, nftByCommand } from "./nft/loader.ts"
import { NftBackend } from "./nft/nft-backend.ts"
import { NftStandbyLoader } from "./nft/standby-loader.ts"
import { type ReadFlags, readFlags } from "./nft/table-flags.ts"
import { NftWithFallback } from "./nft-with-fallback.ts"

/** The standby loaders of one program. */
export interface StandbyLoader {
  readonly program: string
  /** Process ids of those that wait now. */
  pids(): readonly number[]
  close(): void
}

/** Everything that an open goes by, from what was detected. */
export interface Backends {
  readonly all: readonly FirewallBackend[]
  readonly nft: NftBackend | undefined
  /** By commands of their own, which an open must not wait for. */
  readonly nftFlags: ReadFlags | undefined
  readonly legacy: readonly IptablesBackend[]
  readonly layer2: readonly Layer2Backend[]
  readonly standbyLoaders: readonly StandbyLoader[]
}

/** The tables of a legacy family that the kernel holds now. */
export type Held = (family: Family) => readonly string[]

/**
 * Puts the backends together and starts their standby loaders. Each loads by the first that works: the standby
 * loader, a command that does the same, and for iptables the single commands of the old recipe.
 */
export function startBackends(
  run: RunCommand,
  standby: ConstructorParameters<typeof StandbyProcess>[1],
  detected: Detected,
  held: Held,
): Backends {
  const standbyLoaders: StandbyLoader[] = []
  const { tools } = detected
  const { nft, nftFlags } = startNft(run, standby, tools, standbyLoaders, held)
  const legacy: IptablesBackend[] = []
  const nftFallback: FirewallBackend[] = []
  for (const family of ["ip", "ip6"] as const) {
    const name = toolName("legacy", family, "command")
    const restore = toolName("legacy", family, "restore")
    const path = tools[restore]
    const loaders = iptablesLoaders(run, tools, "legacy", family)
    if (path !== undefined) {
      const loader = new LegacyStandbyLoader(path, standby)
      standbyLoaders.push({ program: restore, pids: () => loader.pids, close: () => loader.close() })
      loaders.unshift(loader)
    }
    if (loaders.length > 0) legacy.push(new IptablesBackend(name, firstLegacyOf(loaders), () => held(family)))
    const save = tools[toolName("nft", family, "save")]
    const nftLoaders = iptablesLoaders(run, tools, "nft", family)
    if (nftLoaders.length > 0)
      nftFallback.push(new IptablesBackend("nft", firstLegacyOf(nftLoaders), () => savedTables(run, save)))
  }
  const all: FirewallBackend[] = [...legacy]
  // nft first: its bytes are on their way before anybody else's are made.
  if (nft !== undefined || nftFallback.length > 0) all.unshift(new NftWithFallback(nft, nftFallback))
  const layer2: Layer2Backend[] = []
  for (const family of ["arp", "bridge"] as const) {
    const name = toolName("legacy", family, "command")
    const path = tools[name]
    if (path === undefined) continue
    const firewall = new Layer2Backend(name, family, { run, start: standby.start, path }, () => held(family))
    standbyLoaders.push({ program: name, pids: () => firewall.pids, close: () => firewall.close() })
    layer2.push(firewall)
  }
  return { all: [...all, ...layer2], nft, nftFlags, legacy, layer2, standbyLoaders }
}

function startNft(
  run: RunCommand,
  standby: ConstructorParameters<typeof StandbyProcess>[1],
  { nft: path }: ToolPaths,
  standbyLoaders: StandbyLoader[],
  held: Held,
): { nft: NftBackend | undefined; nftFlags: ReadFlags | undefined } {
  if (path === undefined) return { nft: undefined, nftFlags: undefined }
  const loader = new NftStandbyLoader(path, standby)
  const pids = (): number[] => [loader.pid].filter((pid) => pid !== undefined)
  standbyLoaders.push({ program: "nft", pids, close: () => loader.close() })
  const nftCommand = nftByCommand(run, path)
  const places = (): string[] =>
    (["ip", "ip6", "arp"] as const).flatMap((family) =>
      held(family).flatMap((table) => legacyHookPlaces(family, table)),
    )
  const nft = new NftBackend(firstOf([loader, nftCommand]), firstOf([nftCommand, loader]), places)
  return { nft, nftFlags: readFlags(run, nftCommand) }
}

/** Restore first, then the single commands. */
function iptablesLoaders(
  run: RunCommand,
  tools: ToolPaths,
  backend: "nft" | "legacy",
  family: "ip" | "ip6",
): LegacyLoader[] {
  const env = findProgram("env")
  const restore = tools[toolName(backend, family, "restore")]
  const list = tools[toolName(backend, family, "command")]
  if (env === undefined) return []
  return [
    ...(restore === undefined ? [] : [legacyByCommand(run, { env, restore, list })]),
    ...(list === undefined ? [] : [legacyOneByOne(run, env, list)]),
  ]
}

/** The tables that iptables-nft has now: a listing would make those that it has not. */
async function savedTables(run: RunCommand, save: string | undefined): Promise<readonly string[]> {
  const saved = save === undefined ? undefined : await run({ path: save, args: [] })
  return saved?.ok ? parseSave(saved.stdout).map(({ table }) => table) : ["filter"]
}
