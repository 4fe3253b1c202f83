import { Fault } from "../../errors.ts"
import type { CommandResult, RunCommand } from "../../system/run-command.ts"
import type { SystemTools } from "../../system/system-tools.ts"
import { startIn } from "./background-process.ts"
import { type Client, type Link, readLinks, readWayIn, type WayIn } from "./client-route.ts"
import { clientProgram, serviceProgram } from "./connect-programs.ts"
import { addInterfaces, ipBatch, openThrowaway, type Throwaway, type ThrowawayDeps } from "./namespace.ts"

/** How one connection from the client went. */
export interface Connected {
  readonly ok: boolean
  /** "refused", "no answer", ...; for the operator. */
  readonly how: string
}

/** The interfaces and addresses of this machine in a throw-away namespace, and its client on the other end of a wire. */
export interface NetCopy {
  /** Undefined when there is no client, or no route to it. */
  readonly way: WayIn | undefined
  /** The things of the machine that are not in the copy, a line each. */
  readonly left: readonly string[]
  /** Plugs the wire in; until then no packet moves a counter. Once plugged in, it stays so. */
  plugIn(): Promise<void>
  /** Connects once, from the client to a service of ours, and waits `budgetMs` for an answer. */
  connect(budgetMs: number): Promise<Connected>
  close(): Promise<void>
}

/** The network of this machine as a copy has it. */
export interface MachineNet {
  readonly links: readonly Link[]
  /** Undefined when there is no client, or no route to it. */
  readonly way: WayIn | undefined
  /** Lines for ip(8). */
  readonly routes: readonly string[]
}

/** Reads the interfaces, addresses and routes of this machine, and how it answers a client. */
export async function readMachineNet(
  deps: { readonly run: RunCommand; readonly system: SystemTools },
  client: Client | undefined,
): Promise<MachineNet> {
  const [links, way, routes] = await Promise.all([
    readLinks(deps.run, deps.system),
    client === undefined ? undefined : readWayIn(deps.run, deps.system, client),
    routeLines(deps.run, deps.system),
  ])
  return { links, way, routes }
}

const wire = "fw-wire"

/**
 * Gives a throw-away namespace the interfaces, addresses and routes of this machine. The interface that the client is
 * answered through is one end of a veth pair; at the other is a second namespace with the client's address, and that
 * of the gateway where one is between.
 * @throws Fault when the wire cannot be made
 */
export async function copyNet(
  deps: ThrowawayDeps,
  server: Throwaway,
  { links, way, routes }: MachineNet,
): Promise<NetCopy> {
  const { system } = deps
  const wired = way !== undefined && way.device !== "lo" ? way : undefined
  const names = links.map((link) => link.ifname).filter((name) => name !== "lo" && name !== wired?.device)
  // Both are waited for, so that what one of them has made is ended when the other fails.
  const [added, opened] = await Promise.allSettled([
    addInterfaces(server, system, names),
    wired === undefined ? undefined : openThrowaway(deps),
  ])
  if (opened.status === "rejected") throw opened.reason
  const other = opened.value
  if (added.status === "rejected") {
    await other?.close()
    throw added.reason
  }
  const failed = added.value
  try {
    if (wired !== undefined && other !== undefined)
      await must(server, system, `link add ${wired.device} type veth peer name ${wire} netns ${other.pid}`)
    const lines = [...linkLines(links), ...routes]
    if (wired !== undefined) lines.push(...serverLines(wired, links))
    await Promise.all([
      ipBatch(server, system, lines),
      ...(wired === undefined || other === undefined
        ? []
        : [ipBatch(other, system, clientLines(wired, links))]),
    ])
  } catch (thrown) {
    await other?.close()
    throw thrown
  }
  const from = other ?? server
  return {
    way,
    left: failed.map((name) => `interface ${name} could not be made in the copy`),
    plugIn: async () => {
      if (wired !== undefined && other !== undefined) await plugIn(wired, server, other, links, system)
    },
    connect: async (budgetMs) => {
      if (way === undefined) return { ok: false, how: "no route to the client" }
      // A neighbour that did not answer the last time is not asked again at once.
      if (other !== undefined) await ipBatch(other, system, [`neighbour flush dev ${wire}`])
      return await connectOnce(way, server, from, system, budgetMs, other === undefined)
    },
    close: async () => await other?.close(),
  }
}

async function must(there: Throwaway, system: SystemTools, command: string): Promise<CommandResult> {
  const done = await there.run({ path: system.ip, args: command.split(" ") })
  if (done.ok) return done
  throw new Fault("missing", `cannot make the rehearsal's wire: ip ${command}: ${done.stderr.trim()}`)
}

function linkLines(links: readonly Link[]): string[] {
  return links.flatMap((link) => {
    const name = link.ifname
    const addresses = link.addr_info.map(({ local, address, prefixlen, family }) => {
      const peer = address === undefined ? "" : ` peer ${address}`
      // Without `nodad` an IPv6 address could be used in two seconds.
      return `address add ${local}${peer}/${prefixlen} dev ${name}${family === "inet6" ? " nodad" : ""}`
    })
    const hardware = link.link_type === "ether" ? [`link set ${name} address ${link.address}`] : []
    const up = link.flags.includes("UP") ? [`link set ${name} up`] : []
    return [...hardware, ...up, ...addresses]
  })
}

/** The machine's own routes, in the words of ip(8): a script may ask for the interface of the default route. */
async function routeLines(run: RunCommand, system: SystemTools): Promise<string[]> {
  const lines: string[] = []
  const tables = ["-4", "-6"].map((family) => run({ path: system.ip, args: [family, "route", "show"] }))
  for (const { stdout } of await Promise.all(tables)) {
    for (const line of stdout.split("\n")) {
      const route = line.replace(/\b(linkdown|dead|pervasive|offload|trap|rt_offload|rt_trap)\b/g, "").trim()
      if (route !== "") lines.push(`route replace ${route}`)
    }
  }
  return lines
}

function hostBits({ family }: WayIn): number {
  return family === "inet6" ? 128 : 32
}

function serverLines(way: WayIn, links: readonly Link[]): string[] {
  const known = links.some((link) => link.addr_info.some(({ local }) => local === way.server))
  const nodad = way.family === "inet6" ? " nodad" : ""
  const via = way.gateway === undefined ? "" : viaOf(way, way.gateway)
  return [
    ...(known ? [] : [`address add ${way.server}/${hostBits(way)} dev ${way.device}${nodad}`]),
    `link set ${way.device} up`,
    ...(isLinkLocal(way.client)
      ? []
      : [`route replace ${way.client}/${hostBits(way)}${via} dev ${way.device}`]),
  ]
}

function viaOf(way: WayIn, gateway: string): string {
  const other = way.family === "inet" && gateway.includes(":") ? "inet6 " : ""
  return ` via ${other}${gateway}`
}

function isLinkLocal(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/i.test(address)
}

function clientLines(way: WayIn, links: readonly Link[]): string[] {
  const device = links.find((link) => link.ifname === way.device)
  const ours = [way.client, ...(way.gateway === undefined ? [] : [way.gateway])]
  const addresses = ours.map((address) => {
    const bits = isLinkLocal(address) ? 64 : address.includes(":") ? 128 : 32
    return `address add ${address}/${bits} dev ${wire}${address.includes(":") ? " nodad" : ""}`
  })
  const ethernet = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i
  const hardware =
    device?.link_type === "ether" && ethernet.test(way.neighbour ?? "")
      ? [`link set ${wire} address ${way.neighbour}`]
      : []
  return ["link set lo up", ...hardware, ...addresses]
}

/** Both ends up, and the client's way to the server: its route needs a link that is up. */
async function plugIn(
  way: WayIn,
  server: Throwaway,
  client: Throwaway,
  links: readonly Link[],
  system: SystemTools,
): Promise<void> {
  const own = links.find((link) => link.ifname === way.device)?.addr_info ?? []
  // An address of another interface: nobody answers for it on this wire (IPv6), so the way is by one that is here.
  const direct = own.length === 0 || own.some(({ local }) => local === way.server)
  const next = direct ? undefined : own.find(({ family }) => family === way.family)?.local
  const via = next === undefined ? "" : ` via ${next}`
  const route = `route replace ${way.server}/${hostBits(way)}${via} dev ${wire}`
  const lines = [
    `link set ${wire} up`,
    ...(next === undefined ? [] : [`route replace ${next}/${hostBits(way)} dev ${wire}`]),
    ...(isLinkLocal(way.server) ? [] : [`${route}${isLinkLocal(way.client) ? "" : ` src ${way.client}`}`]),
  ]
  await ipBatch(client, system, lines)
  // The machine's end lost its routes to the client when it had no carrier, where the kernel is set so.
  await ipBatch(server, system, serverLines(way, links))
}

async function connectOnce(
  way: WayIn,
  server: Throwaway,
  client: Throwaway,
  system: SystemTools,
  budgetMs: number,
  local: boolean,
): Promise<Connected> {
  const at = (address: string, device: string): string =>
    isLinkLocal(address) ? `${address}%${device}` : address
  const end = local ? way.device : wire
  const service = startIn(server, system, process.execPath, [
    "-e",
    serviceProgram(at(way.server, way.device), way.port),
  ])
  try {
    if (!(await service.until(/^up$/m, 10_000)))
      return { ok: false, how: `the rehearsal's own service: ${service.output().trim() || "did not start"}` }
    const attempt = clientProgram(at(way.server, end), way.port, at(way.client, end), budgetMs)
    const tried = await client.run({
      path: process.execPath,
      args: ["-e", attempt],
      timeoutMs: budgetMs + 20_000,
    })
    const how = tried.stdout.trim() || tried.stderr.trim() || "no answer"
    return { ok: how === "connected", how }
  } finally {
    await service.end()
  }
}
