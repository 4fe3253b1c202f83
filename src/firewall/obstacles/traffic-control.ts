import { failureOf } from "../../system/process/run-command.ts"
import type { LookDeps } from "./looking.ts"
import { notLooked, type Survey } from "./obstacle.ts"

/** Filters of one interface and direction, as tc prints them. */
export interface TcFilters {
  readonly device: string
  readonly direction: "ingress" | "egress"
  readonly text: string
}

type TcDeps = Pick<LookDeps, "run" | "findProgram">

/** Actions after which a packet may be gone: tc-actions(8), tc-mirred(8), tc-bpf(8). */
const mayTake = /\b(drop|shot|police|redirect|stolen|bpf)\b/i

/** The filters that sit below the firewall, on qdiscs `clsact` and `ingress`. @throws Error where they cannot be listed */
export async function readTcFilters({ run }: TcDeps, tc: string): Promise<readonly TcFilters[]> {
  const listed = await run({ path: tc, args: ["-j", "qdisc", "show"] })
  if (/Operation not supported/.test(listed.stderr)) return [] // a kernel without traffic control
  if (!listed.ok) throw new Error(failureOf(listed))
  const qdiscs = JSON.parse(listed.stdout || "[]") as { kind?: string; dev?: string }[]
  const found: TcFilters[] = []
  for (const { dev: device = "", kind } of qdiscs)
    for (const direction of kind === "clsact" ? (["ingress", "egress"] as const) : (["ingress"] as const)) {
      if (kind !== "clsact" && kind !== "ingress") continue
      const filters = await run({ path: tc, args: ["filter", "show", "dev", device, direction] })
      if (!filters.ok) throw new Error(failureOf(filters))
      if (filters.stdout.trim() !== "") found.push({ device, direction, text: filters.stdout })
    }
  return found
}

/** Looks for tc filters that can take packets away, and, where `bpftool` is there, for tcx programs. */
export async function lookForTrafficControl(deps: TcDeps): Promise<Survey> {
  const tc = deps.findProgram("tc")
  if (tc === undefined) return notLooked("traffic-control", "tc is missing")
  const filters = (await readTcFilters(deps, tc)).filter(({ text }) => mayTake.test(text))
  const found = filters.map(({ device, direction }) => `a tc ${direction} filter on ${device}`)
  return {
    found: [...found, ...(await tcxPrograms(deps))].map((where) => ({ kind: "traffic-control", where })),
    notLooked: [],
  }
}

/** The programs that only bpftool lists; empty where it is missing. */
export async function tcxPrograms({ run, findProgram: find }: TcDeps): Promise<string[]> {
  const bpftool = find("bpftool")
  if (bpftool === undefined) return []
  const net = await run({ path: bpftool, args: ["-j", "net", "show"] })
  const [attached] = JSON.parse(net.stdout || "[]") as { tc?: { devname?: string; kind?: string }[] }[]
  return (attached?.tc ?? [])
    .filter(({ kind }) => kind?.startsWith("tcx"))
    .map(({ devname }) => `a tcx program on ${devname}`)
}
