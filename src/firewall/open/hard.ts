import { writeFileSync } from "node:fs"
import { reasonOf } from "../../errors.ts"
import { failureOf, type RunCommand } from "../../system/process/run-command.ts"
import { type LookDeps, systemLookDeps } from "../obstacles/looking.ts"
import { reversePathFile, strictEntries } from "../obstacles/reverse-path.ts"
import { readTcFilters, tcxPrograms } from "../obstacles/traffic-control.ts"
import { lookForXdp } from "../obstacles/xdp.ts"
import { legacyTablesOf } from "../tools/detect.ts"
import { toolName } from "../tools/table.ts"
import { findTool, privateLock } from "../tools/tool-paths.ts"
import type { HardReport } from "./hard-report.ts"

/** The files and programs that `--hard` needs, passed in for tests. */
export interface HardDeps extends Pick<LookDeps, "run" | "findProgram" | "readText" | "listFolder"> {
  readonly writeText: (path: string, text: string) => void
}

/** This machine's. */
export const systemHardDeps = (run: RunCommand): HardDeps => ({
  ...systemLookDeps(run),
  writeText: (path, text) => writeFileSync(path, text),
})

/**
 * `--hard`, after an open: nat too, every nf_tables table, the service that owns a table nobody else may touch, tc ingress
 * filters, and strict reverse path filtering. Each step is taken whatever became of the one before; never throws.
 */
export async function clearHard(deps: HardDeps): Promise<HardReport> {
  const report = { failures: [] as string[], cleared: [] as string[], left: [] as string[] }
  for (const step of [
    clearLegacyNat,
    flushRuleset,
    stopOwners,
    clearIngress,
    loosenReversePath,
    nameTheRest,
  ]) {
    try {
      await step(deps, report)
    } catch (thrown) {
      report.failures.push(reasonOf(thrown))
    }
  }
  return report
}

type Report = { failures: string[]; cleared: string[]; left: string[] }

const natChains = ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]

/** Only where the kernel holds the table already: asking would make one (ip_tables.c). */
async function clearLegacyNat(deps: HardDeps, report: Report): Promise<void> {
  const lines = ["*nat", ...natChains.map((chain) => `:${chain} ACCEPT [0:0]`), "-F", "COMMIT", ""]
  for (const family of ["ip", "ip6"] as const) {
    const path = findTool(toolName("legacy", family, "restore"), deps.findProgram)
    if (path === undefined || !legacyTablesOf(family, deps.readText).includes("nat")) continue
    const env = deps.findProgram("env") ?? "/usr/bin/env"
    const args = [privateLock, path, "--noflush"] // a stuck holder of the xtables lock holds nobody up here
    const restored = await deps.run({ path: env, args, input: lines.join("\n") })
    if (!restored.ok)
      report.failures.push(`${toolName("legacy", family, "command")} nat: ${failureOf(restored)}`)
  }
}

async function flushRuleset({ run, findProgram: find }: HardDeps, report: Report): Promise<void> {
  const nft = find("nft")
  if (nft === undefined) return
  const flushed = await run({ path: nft, args: ["flush", "ruleset"] })
  if (!flushed.ok) report.failures.push(`nft flush ruleset: ${failureOf(flushed)}`)
}

/**
 * `flush ruleset` passes over tables with `flags owner` without a word (nf_tables_api.c, nft_table_is_owned): what is still
 * listed has an owner, whose name nft prints behind the brace. Its service is stopped; a process is never killed.
 */
async function stopOwners(deps: HardDeps, report: Report): Promise<void> {
  for (const { table, owner } of await ownedTables(deps)) {
    const service = owner === undefined ? undefined : serviceOf(deps, owner)
    const systemctl = deps.findProgram("systemctl")
    if (service === undefined || systemctl === undefined) {
      report.left.push(
        `table ${table} belongs to ${owner ?? "a process"}, which is no service: end it by hand`,
      )
      continue
    }
    const stopped = await deps.run({ path: systemctl, args: ["stop", service], timeoutMs: 30_000 })
    if (stopped.ok) report.cleared.push(`stopped ${service}, which owned table ${table}`)
    else report.failures.push(`systemctl stop ${service}: ${failureOf(stopped)}`)
  }
  for (const { table } of await ownedTables(deps))
    if (!report.left.some((line) => line.startsWith(`table ${table} `)))
      report.left.push(`table ${table} is still there`)
}

async function ownedTables({
  run,
  findProgram: find,
}: HardDeps): Promise<{ table: string; owner: string | undefined }[]> {
  const nft = find("nft")
  if (nft === undefined) return []
  const listed = await run({ path: nft, args: ["-t", "list", "ruleset"] })
  return [...listed.stdout.matchAll(/^table (\S+ \S+) \{(?: # progname (\S+))?$/gm)].map(
    ([, table = "", owner]) => ({
      table,
      owner,
    }),
  )
}

/**
 * The systemd service that runs a program of this name, by its cgroup (systemd.unit(5), cgroups(7)). Our own loaders have
 * names like `nft` too, so our own unit never counts; of two candidates neither is taken, since the wrong one might be.
 */
function serviceOf({ listFolder, readText }: HardDeps, program: string): string | undefined {
  const unitOf = (pid: string): string | undefined =>
    /\/system\.slice\/(?:\S+\/)?([^/\s]+\.service)/.exec(readText(`/proc/${pid}/cgroup`))?.[1]
  const own = unitOf("self")
  const found = listFolder("/proc")
    .filter((name) => /^\d+$/.test(name) && readText(`/proc/${name}/comm`).trim() === program)
    .map(unitOf)
    .filter((unit) => unit !== undefined && unit !== own)
  const candidates = new Set(found)
  return candidates.size === 1 ? found[0] : undefined
}

async function clearIngress(deps: HardDeps, report: Report): Promise<void> {
  const tc = deps.findProgram("tc")
  if (tc === undefined) return
  const listed = await readTcFilters(deps, tc).catch((thrown: unknown) => reasonOf(thrown))
  if (typeof listed === "string") return void report.left.push(`tc filters could not be listed: ${listed}`)
  for (const { device, direction } of listed) {
    if (direction !== "ingress") continue
    const removed = await deps.run({ path: tc, args: ["filter", "del", "dev", device, "ingress"] })
    if (removed.ok) report.cleared.push(`removed the tc ingress filters of ${device}`)
    else report.failures.push(`tc filter del dev ${device} ingress: ${failureOf(removed)}`)
  }
}

/** Strict (1) becomes loose (2). */
async function loosenReversePath(deps: HardDeps, report: Report): Promise<void> {
  for (const device of strictEntries(deps)) {
    deps.writeText(reversePathFile(device), "2\n")
    report.cleared.push(`rp_filter of ${device} is loose now`)
  }
}

/** Names the programs that only their owners can take away. bpftool is the one program that lists all of them. */
async function nameTheRest(deps: HardDeps, report: Report): Promise<void> {
  report.left.push(...(await lookForXdp(deps)).found.map(({ where }) => where), ...(await tcxPrograms(deps)))
  const bpftool = deps.findProgram("bpftool")
  if (bpftool === undefined) return
  const cgroup = await deps.run({ path: bpftool, args: ["-j", "cgroup", "tree"] })
  const groups = JSON.parse(cgroup.stdout || "[]") as {
    cgroup?: string
    programs?: { attach_type?: string }[]
  }[]
  for (const { cgroup: path, programs } of groups)
    if (programs?.some(({ attach_type: type }) => type?.includes("inet")))
      report.left.push(`a BPF program on the cgroup ${path}`)
}
