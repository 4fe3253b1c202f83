import { findProgram } from "../../system/find-program.ts"
import type { RunCommand } from "../../system/run-command.ts"
import type { Standby } from "../../system/standby-process.ts"
import { parseSave } from "../snapshot/text/save-text.ts"
import type { Detected, LegacyFamily } from "../tools/detect.ts"
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
export type Held = (family: LegacyFamily) => readonly string[]

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
  const { nft, nftCommand } = startNft(run, standby, detected, consoles)
  const legacy: LegacyFirewall[] = []
  const iptablesNft: LegacyFirewall[] = []
  for (const family of ["ip", "ip6"] as const) {
    const name = family === "ip" ? "iptables" : "ip6tables"
    const restore = detected.tools.get(`${name}-legacy-restore`)
    const ports = iptablesPorts(run, detected, `${name}-legacy`)
    if (restore) {
      const console = new LegacyConsole(restore.path, standby)
      consoles.push({ program: restore.name, pids: () => console.pids, close: () => console.close() })
      ports.unshift(console)
    }
    if (ports.length > 0)
      legacy.push(new LegacyFirewall(`${name}-legacy`, firstLegacyOf(ports), () => held(family)))
    const save = detected.tools.get(`${name}-nft-save`)?.path
    const nftPorts = iptablesPorts(run, detected, `${name}-nft`)
    if (nftPorts.length > 0)
      iptablesNft.push(new LegacyFirewall("nft", firstLegacyOf(nftPorts), () => savedTables(run, save)))
  }
  const all: FirewallBackend[] = [...legacy]
  // nft first: its bytes are on their way before anybody else's are made.
  if (nft !== undefined || iptablesNft.length > 0) all.unshift(new NftWithFallback(nft, iptablesNft))
  const layer2: Layer2Firewall[] = []
  for (const [backend, family] of [
    ["arptables-legacy", "arp"],
    ["ebtables-legacy", "eb"],
  ] as const) {
    const path = detected.tools.get(backend)?.path
    if (path === undefined) continue
    const firewall = new Layer2Firewall(backend, { run, start: standby.start, path }, () => held(family))
    consoles.push({ program: backend, pids: () => firewall.pids, close: () => firewall.close() })
    layer2.push(firewall)
  }
  return { all: [...all, ...layer2], nft, nftCommand, legacy, layer2, consoles }
}

function startNft(
  run: RunCommand,
  standby: ConstructorParameters<typeof Standby>[1],
  detected: Detected,
  consoles: Console[],
): { nft: NftFirewall | undefined; nftCommand: NftPort | undefined } {
  const tool = detected.tools.get("nft")
  if (tool === undefined) return { nft: undefined, nftCommand: undefined }
  const console = new NftConsole(tool.path, standby)
  const pids = (): number[] => [console.pid].filter((pid) => pid !== undefined)
  consoles.push({ program: "nft", pids, close: () => console.close() })
  const nftCommand = nftByCommand(run, tool.path)
  const nft = new NftFirewall(firstOf([console, nftCommand]), firstOf([nftCommand, console]))
  return { nft, nftCommand }
}

/** Restore first, then the single commands. */
function iptablesPorts(
  run: RunCommand,
  { tools }: Detected,
  name: `${"iptables" | "ip6tables"}-${"nft" | "legacy"}`,
): LegacyPort[] {
  const env = findProgram("env")
  const restore = tools.get(`${name}-restore`)?.path
  const list = tools.get(name)?.path
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
