import { Fault } from "../../errors.ts"
import type { CommandResult, RunCommand } from "../../system/process/run-command.ts"
import type { SystemTools } from "../../system/process/system-tools.ts"
import { startInBackground } from "./background-process.ts"
import { type Client, type ClientRoute, type Link, readClientRoute, readLinks } from "./client-route.ts"
import { clientProgram, serviceProgram } from "./connect-programs.ts"
import { addInterfaces, ipBatch, type Namespace, type NamespaceDeps, openNamespace } from "./namespace.ts"
import { layPolicy, policyLines, routeLines } from "./routing-copy.ts"

/** How one connection from the client went. */
export interface Connected {
  readonly ok: boolean
  /** "refused", "no answer", ...; for the operator. */
  readonly how: string
}

/** The interfaces and addresses of this machine in a throw-away namespace, and its client on the other end of a wire. */
export interface NetCopy {
  /** Undefined when there is no client, or no route to it. */
  readonly clientRoute: ClientRoute | undefined
  /** Interfaces that are not in the copy, a line each. */
  readonly left: readonly string[]
  /** There is policy routing on this machine: other tables than the main one, chosen by marks, sources and the like. */
  readonly policy: boolean
  /**
   * Plugs the wire in; until then no packet moves a counter. Once plugged in, it stays so.
   * @returns the lines of policy routing that the copy does not take
   */
  plugIn(): Promise<readonly string[]>
  /** Connects once, from the client to a service of ours, and waits `budgetMs` for an answer. */
  connect(budgetMs: number): Promise<Connected>
  close(): Promise<void>
}

/** The network of this machine as a copy has it. */
export interface MachineNet {
  readonly links: readonly Link[]
  /** Undefined when there is no client, or no route to it. */
  readonly clientRoute: ClientRoute | undefined
  /** Lines for ip(8). */
  readonly routes: readonly string[]
  /** The same, for other routing tables than the main one and the rules that lead to them; empty on most machines. */
  readonly policy: readonly string[]
}

/** Reads the interfaces, addresses and routes of this machine, and how it answers a client. */
export async function readMachineNet(
  deps: { readonly run: RunCommand; readonly system: SystemTools },
  client: Client | undefined,
): Promise<MachineNet> {
  const [links, clientRoute, routes, policy] = await Promise.all([
    readLinks(deps.run, deps.system),
    client === undefined ? undefined : readClientRoute(deps.run, deps.system, client),
    routeLines(deps.run, deps.system),
    policyLines(deps.run, deps.system),
  ])
  return { links, clientRoute, routes, policy }
}

const wire = "fw-wire"

/**
 * Gives a throw-away namespace the interfaces, addresses and routes of this machine. The interface that the client is
 * answered through is one end of a veth pair; at the other is a second namespace with the client's address, and that
 * of the gateway where one is between.
 * @throws Fault when the wire cannot be made
 */
export async function copyNet(
  deps: NamespaceDeps,
  server: Namespace,
  { links, clientRoute, routes, policy }: MachineNet,
): Promise<NetCopy> {
  const { system } = deps
  const wired = clientRoute !== undefined && clientRoute.device !== "lo" ? clientRoute : undefined
  const names = links.map((link) => link.ifname).filter((name) => name !== "lo" && name !== wired?.device)
  // Both are waited for, so that what one of them has made is ended when the other fails.
  const [added, opened] = await Promise.allSettled([
    addInterfaces(server, system, names),
    wired === undefined ? undefined : openNamespace(deps),
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
    clientRoute,
    left: failed.map((name) => `interface ${name} could not be made in the copy`),
    policy: policy.length > 0,
    plugIn: async () => {
      if (wired !== undefined && other !== undefined) await plugIn(wired, server, other, links, system)
      return await layPolicy(server, system, policy)
    },
    connect: async (budgetMs) => {
      if (clientRoute === undefined) return { ok: false, how: "no route to the client" }
      // A neighbour that did not answer the last time is not asked again at once.
      if (other !== undefined) await ipBatch(other, system, [`neighbour flush dev ${wire}`])
      return await connectOnce(clientRoute, server, from, system, budgetMs, other === undefined)
    },
    close: async () => await other?.close(),
  }
}

async function must(there: Namespace, system: SystemTools, command: string): Promise<CommandResult> {
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

function hostBits({ family }: ClientRoute): number {
  return family === "inet6" ? 128 : 32
}

function serverLines(route: ClientRoute, links: readonly Link[]): string[] {
  const known = links.some((link) => link.addr_info.some(({ local }) => local === route.server))
  const nodad = route.family === "inet6" ? " nodad" : ""
  const via = route.gateway === undefined ? "" : viaOf(route, route.gateway)
  return [
    ...(known ? [] : [`address add ${route.server}/${hostBits(route)} dev ${route.device}${nodad}`]),
    `link set ${route.device} up`,
    ...(isLinkLocal(route.client)
      ? []
      : [`route replace ${route.client}/${hostBits(route)}${via} dev ${route.device}`]),
  ]
}

function viaOf(route: ClientRoute, gateway: string): string {
  const other = route.family === "inet" && gateway.includes(":") ? "inet6 " : ""
  return ` via ${other}${gateway}`
}

function isLinkLocal(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/i.test(address)
}

function clientLines(route: ClientRoute, links: readonly Link[]): string[] {
  const device = links.find((link) => link.ifname === route.device)
  const ours = [route.client, ...(route.gateway === undefined ? [] : [route.gateway])]
  const addresses = ours.map((address) => {
    const bits = isLinkLocal(address) ? 64 : address.includes(":") ? 128 : 32
    return `address add ${address}/${bits} dev ${wire}${address.includes(":") ? " nodad" : ""}`
  })
  const ethernet = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i
  const hardware =
    device?.link_type === "ether" && ethernet.test(route.neighbour ?? "")
      ? [`link set ${wire} address ${route.neighbour}`]
      : []
  return ["link set lo up", ...hardware, ...addresses]
}

/** Both ends up, and the client's route to the server, which needs a link that is up. */
async function plugIn(
  route: ClientRoute,
  server: Namespace,
  client: Namespace,
  links: readonly Link[],
  system: SystemTools,
): Promise<void> {
  const own = links.find((link) => link.ifname === route.device)?.addr_info ?? []
  // An address of another interface: nobody answers for it on this wire (IPv6), so the route is by one that is here.
  const direct = own.length === 0 || own.some(({ local }) => local === route.server)
  const next = direct ? undefined : own.find(({ family }) => family === route.family)?.local
  const via = next === undefined ? "" : ` via ${next}`
  const toServer = `route replace ${route.server}/${hostBits(route)}${via} dev ${wire}`
  const lines = [
    `link set ${wire} up`,
    ...(next === undefined ? [] : [`route replace ${next}/${hostBits(route)} dev ${wire}`]),
    ...(isLinkLocal(route.server)
      ? []
      : [`${toServer}${isLinkLocal(route.client) ? "" : ` src ${route.client}`}`]),
  ]
  await ipBatch(client, system, lines)
  // The machine's end lost its routes to the client when it had no carrier, where the kernel is set so.
  await ipBatch(server, system, serverLines(route, links))
}

async function connectOnce(
  route: ClientRoute,
  server: Namespace,
  client: Namespace,
  system: SystemTools,
  budgetMs: number,
  local: boolean,
): Promise<Connected> {
  const at = (address: string, device: string): string =>
    isLinkLocal(address) ? `${address}%${device}` : address
  const end = local ? route.device : wire
  const service = startInBackground(server, system, process.execPath, [
    "-e",
    serviceProgram(at(route.server, route.device), route.port),
  ])
  try {
    if (!(await service.until(/^up$/m, 10_000)))
      return { ok: false, how: `the rehearsal's own service: ${service.output().trim() || "did not start"}` }
    const attempt = clientProgram(at(route.server, end), route.port, at(route.client, end), budgetMs)
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
