import { realpathSync } from "node:fs"
import { basename } from "node:path"
import { findProgram } from "../../system/find-program.ts"

/**
 * The programs that read and load rules, by absolute path; one that is missing is left out. Plain names (`iptables`)
 * are either backend, by alternatives: these are called by their full names only.
 */
export interface SnapshotTools {
  readonly nft?: string
  readonly ipset?: string
  readonly iptablesNft?: string
  readonly ip6tablesNft?: string
  readonly iptablesNftSave?: string
  readonly iptablesNftRestore?: string
  readonly ip6tablesNftSave?: string
  readonly ip6tablesNftRestore?: string
  readonly arptablesNftSave?: string
  readonly arptablesNftRestore?: string
  readonly ebtablesNftSave?: string
  readonly ebtablesNftRestore?: string
  readonly iptablesLegacySave?: string
  readonly iptablesLegacyRestore?: string
  readonly ip6tablesLegacySave?: string
  readonly ip6tablesLegacyRestore?: string
  readonly arptablesLegacy?: string
  readonly ebtablesLegacy?: string
  readonly ebtablesLegacyRestore?: string
}

const names: Readonly<Record<keyof SnapshotTools, string>> = {
  nft: "nft",
  ipset: "ipset",
  iptablesNft: "iptables-nft",
  ip6tablesNft: "ip6tables-nft",
  iptablesNftSave: "iptables-nft-save",
  iptablesNftRestore: "iptables-nft-restore",
  ip6tablesNftSave: "ip6tables-nft-save",
  ip6tablesNftRestore: "ip6tables-nft-restore",
  arptablesNftSave: "arptables-nft-save",
  arptablesNftRestore: "arptables-nft-restore",
  ebtablesNftSave: "ebtables-nft-save",
  ebtablesNftRestore: "ebtables-nft-restore",
  iptablesLegacySave: "iptables-legacy-save",
  iptablesLegacyRestore: "iptables-legacy-restore",
  ip6tablesLegacySave: "ip6tables-legacy-save",
  ip6tablesLegacyRestore: "ip6tables-legacy-restore",
  arptablesLegacy: "arptables-legacy",
  ebtablesLegacy: "ebtables-legacy",
  ebtablesLegacyRestore: "ebtables-legacy-restore",
}

/**
 * Looks for all of them. Where a distribution has no suffixed names, the plain one stands for the backend of the
 * multi-call program that it is a link to (xtables-nft-multi, xtables-legacy-multi).
 */
export function findSnapshotTools(): SnapshotTools {
  const found: [string, string][] = []
  for (const [key, name] of Object.entries(names)) {
    const path = findProgram(name) ?? findPlain(name)
    if (path !== undefined) found.push([key, path])
  }
  return Object.fromEntries(found)
}

function findPlain(name: string): string | undefined {
  const backend = /-(nft|legacy)\b/.exec(name)?.[0]
  const path = backend === undefined ? undefined : findProgram(name.replace(backend, ""))
  if (backend === undefined || path === undefined) return undefined
  try {
    return basename(realpathSync(path)).includes(backend) ? path : undefined
  } catch {
    return undefined
  }
}

/**
 * The file that stands for the xtables lock. The usual one (/run/xtables.lock) can be held for ever by a stuck
 * process, and legacy without `-w` waits for ever too. This one is each process's own, nobody else may open it, and it
 * is on no disk: every lock taken is free.
 */
export const privateLock = "XTABLES_LOCKFILE=/proc/self/environ"
