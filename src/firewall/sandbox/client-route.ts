import type { RunCommand } from "../../system/process/run-command.ts"
import type { SystemTools } from "../../system/process/system-tools.ts"
import { withoutZone } from "../../wire/address.ts"

/** One address of an interface, as `ip -j address` names it. */
export interface LinkAddress {
  readonly local: string
  readonly prefixlen: number
  /** The other end of a point-to-point address. */
  readonly address?: string
  readonly family: "inet" | "inet6"
}

/** One interface, as `ip -j address` names it. */
export interface Link {
  readonly ifname: string
  readonly flags: readonly string[]
  readonly link_type: string
  /** Its hardware address. */
  readonly address?: string
  readonly addr_info: readonly LinkAddress[]
}

/** How packets from a client reach this machine, taken from how its own would go back. */
export interface ClientRoute {
  /** Without its zone. */
  readonly client: string
  readonly server: string
  readonly port: number
  readonly family: "inet" | "inet6"
  /** The interface; "lo" when the client is this machine. */
  readonly device: string
  readonly gateway: string | undefined
  /** The hardware address of the gateway, or of the client on the same wire; undefined when it is not known. */
  readonly neighbour: string | undefined
}

/** A client's address, and the address and port that it connects to; "undefined" is the one it is answered from. */
export interface Client {
  readonly clientAddress: string
  readonly serverAddress: string | undefined
  readonly serverPort: number
}

/** The interfaces of the namespace that `run` works in. */
export async function readLinks(run: RunCommand, system: SystemTools): Promise<Link[]> {
  return await readJson<Link>(run, system, ["address", "show"])
}

/**
 * Asks the machine's routes how the client is answered.
 * @returns undefined when there is no route to it
 */
export async function readClientRoute(
  run: RunCommand,
  system: SystemTools,
  { clientAddress, serverAddress, serverPort }: Client,
): Promise<ClientRoute | undefined> {
  const [client = "", zone] = clientAddress.split("%")
  const server = serverAddress && withoutZone(serverAddress)
  const to = ["route", "get", client, ...(zone === undefined ? [] : ["oif", zone])]
  // With its source a rule of `ip rule` may choose another table.
  const [route] = [
    ...(server === undefined ? [] : await readJson<RouteFound>(run, system, [...to, "from", server])),
    ...(await readJson<RouteFound>(run, system, to)),
  ]
  const answered = server ?? route?.prefsrc
  if (route?.dev === undefined || answered === undefined) return undefined
  const gateway = route.gateway ?? route.via?.host
  const neighbours = await readJson<{ lladdr?: string }>(run, system, [
    "neighbour",
    "show",
    gateway ?? client,
    "dev",
    route.dev,
  ])
  return {
    client,
    server: answered,
    port: serverPort,
    family: client.includes(":") ? "inet6" : "inet",
    device: route.dev,
    gateway,
    neighbour: neighbours[0]?.lladdr,
  }
}

interface RouteFound {
  readonly dev?: string
  readonly gateway?: string
  readonly via?: { readonly host?: string }
  readonly prefsrc?: string
}

/** An empty list for what ip refuses: no such route, no such device. */
async function readJson<T>(run: RunCommand, system: SystemTools, args: readonly string[]): Promise<T[]> {
  const read = await run({ path: system.ip, args: ["-j", ...args] })
  try {
    // With nothing to show, some versions print nothing, and some a list of one empty object.
    return read.ok ? (JSON.parse(read.stdout || "[]") as T[]) : []
  } catch {
    return []
  }
}
