import { readFileSync } from "node:fs"
import { setTimeout as wait } from "node:timers/promises"
import type { ProveDeps } from "../../firewall/restore/prove.ts"
import { startInBackground } from "../../firewall/sandbox/background-process.ts"
import type { Namespace } from "../../firewall/sandbox/namespace.ts"
import type { Connected } from "../../firewall/sandbox/net-copy.ts"
import type { Snapshot } from "../../firewall/snapshot/snapshot.ts"
import { isIpFamily, toolName } from "../../firewall/tools/table.ts"
import type { RunCommand } from "../../system/process/run-command.ts"

/** An event of nft(8) `monitor trace`: one packet at one rule, or at the end of one chain. */
export interface TraceEvent {
  readonly id: string
  readonly family: string
  readonly table: string
  readonly chain: string
  readonly kind: "packet" | "rule" | "policy"
  /** The packet, the rule, or the policy with its verdict. */
  readonly text: string
  /** The rule's handle. */
  readonly handle: number | undefined
  readonly dropped: boolean
}

const own = "fw-watchdog-rehearsal"

/** NFNLGRP_NFTRACE is group 9 (linux/netfilter/nfnetlink.h), the 9th bit of the mask in /proc/net/netlink. */
const traceGroup = 1 << 8

/** Connects while every packet of the namespace is traced; without nft there are no events. */
export async function traceConnection(
  there: Namespace,
  { tools, system }: ProveDeps,
  connect: () => Promise<Connected>,
): Promise<{ readonly connected: Connected; readonly events: readonly TraceEvent[] }> {
  const nft = tools.nft
  if (nft === undefined) return { connected: await connect(), events: [] }
  await traceEverything(there.run, nft)
  const monitor = startInBackground(there, system, nft, ["-a", "monitor", "trace"])
  try {
    for (let look = 0; look < 100 && !isListening(there.pid); look++) await wait(20)
    const connected = await connect()
    // Events come in order, and the last one may still be on its way.
    await wait(100)
    return { connected, events: parseTrace(monitor.output()) }
  } finally {
    await monitor.end()
    await there.run({ path: nft, args: ["delete", "table", "inet", own] })
    await there.run({ path: nft, args: ["delete", "table", "arp", own] })
  }
}

/** First of all in every hook where packets of the client or answers to it come by. */
async function traceEverything(run: RunCommand, nft: string): Promise<void> {
  for (const [family, hooks] of [
    ["inet", ["prerouting", "output"]],
    ["arp", ["input", "output"]],
  ] as const) {
    const chains = hooks.map(
      (hook) =>
        `chain ${hook} { type filter hook ${hook} priority -2147483648; policy accept; meta nftrace set 1; }`,
    )
    await run({ path: nft, args: ["-f", "-"], input: `table ${family} ${own} { ${chains.join("\n")}\n}\n` })
  }
}

function isListening(pid: number): boolean {
  const sockets = readFileSync(`/proc/${pid}/net/netlink`, "utf8").split("\n")
  // "sk Eth Pid Groups ...": 12 is NETLINK_NETFILTER.
  return sockets.some((line) => {
    const [, protocol, , groups = "0"] = line.trim().split(/\s+/)
    return protocol === "12" && (Number.parseInt(groups, 16) & traceGroup) !== 0
  })
}

/** Takes the output of `nft -a monitor trace` apart. */
export function parseTrace(text: string): TraceEvent[] {
  return text.split("\n").flatMap((line): TraceEvent[] => {
    const [, id, family, table, chain, kind, rest = ""] =
      /^trace id (\w+) (\S+) (\S+) (\S+) (packet:|rule|policy|unknown rule handle) ?(.*)$/.exec(line) ?? []
    if (id === undefined || family === undefined || table === undefined || chain === undefined) return []
    const [, rule, handle] = /^(.*?)\s*# handle (\d+)/.exec(rest) ?? []
    return [
      {
        id,
        family,
        table,
        chain,
        kind: kind === "packet:" ? "packet" : kind === "policy" ? "policy" : "rule",
        text: rule ?? rest.trim(),
        handle: handle === undefined ? Number(/^(\d+) /.exec(rest)?.[1]) || undefined : Number(handle),
        dropped: kind === "policy" ? /^drop\b/.test(rest) : /\(verdict drop\)\s*$/.test(rest),
      },
    ]
  })
}

/** The rule or policy that ended the way of a packet between client and server; undefined when none did. */
export async function stoppedInTrace(
  run: RunCommand,
  { tools }: ProveDeps,
  events: readonly TraceEvent[],
  port: number,
  candidate: Snapshot,
): Promise<string | undefined> {
  const packets = new Map<string, string>()
  for (const { id, kind, text } of events) if (kind === "packet" && !packets.has(id)) packets.set(id, text)
  const drops = events.filter(({ dropped }) => dropped)
  const of = (pattern: RegExp): TraceEvent | undefined =>
    drops.find(({ id }) => pattern.test(packets.get(id) ?? ""))
  // Without an answer to who has the address (RFC 826, RFC 4861) no connection even begins.
  const stop = of(new RegExp(`\\btcp [sd]port ${port}\\b`)) ?? of(/\bnd-neighbor-|\barp\b/) ?? undefined
  if (stop === undefined || tools.nft === undefined) return undefined
  const copy = candidate.nftTables.find(({ family, name }) => family === stop.family && name === stop.table)
  const { family } = stop
  const program =
    copy?.saved !== undefined && isIpFamily(family) ? toolName("nft", family, "command") : undefined
  const where =
    program === undefined
      ? `nft ${stop.family} ${stop.table} ${stop.chain}`
      : `${program} ${stop.table} ${stop.chain}`
  if (stop.kind === "policy") return `${where}: policy ${program === undefined ? "drop" : "DROP"}`
  const place = await placeOf(run, tools.nft, stop)
  const saved = copy?.saved?.rules.filter((rule) => chainOf(rule) === stop.chain)
  const rule = program === undefined || place === undefined ? undefined : saved?.[place]
  return `${where}: ${rule === undefined ? stop.text : ruleOnly(rule)}`
}

/** The place of a rule in its chain, from 0. */
async function placeOf(run: RunCommand, nft: string, stop: TraceEvent): Promise<number | undefined> {
  const args = ["-a", "list", "chain", stop.family, stop.table, stop.chain]
  const listed = await run({ path: nft, args })
  const handles = listed.stdout
    .split("\n")
    .filter((line) => !/^\s*(table|chain) /.test(line))
    .flatMap((line) => /# handle (\d+)$/.exec(line)?.[1] ?? [])
  const place = handles.indexOf(String(stop.handle))
  return place < 0 ? undefined : place
}

/** The chain of a line of a save: `[0:0] -A INPUT -j DROP`. */
export function chainOf(rule: string): string | undefined {
  return /^(?:\[\d+:\d+\] )?-A (\S+)/.exec(rule)?.[1]
}

/** A line of a save without its counters and its chain. */
export function ruleOnly(rule: string): string {
  return rule.replace(/^(?:\[\d+:\d+\] )?-A \S+ ?/, "")
}
