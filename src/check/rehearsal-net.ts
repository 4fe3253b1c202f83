import { Fault } from "../errors.ts"
import {
  addInterfaces,
  type Namespace,
  type NamespaceDeps,
  openNamespace,
} from "../firewall/sandbox/namespace.ts"
import type { RunCommand } from "../system/process/run-command.ts"
import type { SystemTools } from "../system/process/system-tools.ts"

/** How a TCP connection from the client to the server went. */
export interface Reached {
  readonly family: "IPv4" | "IPv6"
  readonly port: number
  /** True when the server's greeting arrived; a refusal by a firewall is none. */
  readonly greeted: boolean
}

/** Two throw-away namespaces on one wire, with a TCP service on the first. */
export interface RehearsalNet {
  readonly server: Namespace
  /**
   * Connects from the client, over every family and to every port at once, again and again until the greeting came or
   * `budgetMs` have passed.
   */
  connect(budgetMs: number): Promise<Reached[]>
  close(): Promise<void>
}

/** RFC 5737 and RFC 3849: addresses for documentation, so none that rules of the machine are likely to name. */
const addresses = { IPv4: ["192.0.2.1", "192.0.2.2"], IPv6: ["2001:db8::1", "2001:db8::2"] } as const

/** ssh, which nat may carry elsewhere, and one that nothing is likely to know. */
const ports = [22, 40022]

/**
 * Makes both namespaces. The server's end of the wire has the name of the interface that this machine's default route
 * leaves by, so rules that name it match; interfaces of the other `names` are there and down.
 * @throws Fault when namespaces or the wire cannot be made
 */
export async function rehearsalNet(
  deps: NamespaceDeps & { readonly run: RunCommand },
  names: readonly string[],
): Promise<RehearsalNet> {
  const { system } = deps
  const device = (await defaultDevice(deps.run, system)) ?? "eth0"
  const server = await openNamespace(deps)
  let client: Namespace | undefined
  const close = async (): Promise<void> => {
    await client?.close()
    await server.close()
  }
  try {
    client = await openNamespace(deps)
    const other = client
    await addInterfaces(
      server,
      system,
      names.filter((name) => name !== device),
    )
    await ip(server, system, `link add ${device} type veth peer name fw-wire netns ${other.pid}`)
    for (const [there, end, side] of [
      [server, device, 0],
      [other, "fw-wire", 1],
    ] as const) {
      await ip(there, system, "link set lo up")
      await ip(there, system, `address add ${addresses.IPv4[side]}/24 dev ${end}`)
      // A kernel without IPv6 has nothing to rehearse there; without `nodad` the address could be used in two seconds.
      await there.run({
        path: system.ip,
        args: `address add ${addresses.IPv6[side]}/64 dev ${end} nodad`.split(" "),
      })
      await ip(there, system, `link set ${end} up`)
    }
    // Ends with its namespace.
    void server.run({ path: process.execPath, args: ["-e", serviceProgram()], timeoutMs: 120_000 })
    const connect = async (budgetMs: number): Promise<Reached[]> => {
      const args = ["-e", clientProgram(budgetMs)]
      const tried = await other.run({ path: process.execPath, args, timeoutMs: budgetMs + 20_000 })
      const greeted = new Set(tried.stdout.split("\n"))
      return (["IPv4", "IPv6"] as const).flatMap((family) =>
        ports.map((port) => ({ family, port, greeted: greeted.has(`${addresses[family][0]} ${port}`) })),
      )
    }
    return { server, connect, close }
  } catch (thrown) {
    await close()
    throw thrown
  }
}

async function ip(there: Namespace, system: SystemTools, command: string): Promise<void> {
  const done = await there.run({ path: system.ip, args: command.split(" ") })
  if (!done.ok)
    throw new Fault("missing", `cannot make the rehearsal's wire: ip ${command}: ${done.stderr.trim()}`)
}

/** The interface of the first default route, of either family. */
async function defaultDevice(run: RunCommand, system: SystemTools): Promise<string | undefined> {
  for (const family of ["-4", "-6"]) {
    const routes = await run({ path: system.ip, args: [family, "route", "show", "default"] })
    const device = / dev (\S+)/.exec(routes.stdout)?.[1]
    if (device !== undefined && device !== "lo") return device
  }
  return undefined
}

function serviceProgram(): string {
  return `const net = require("net")
for (const port of ${JSON.stringify(ports)}) for (const host of ["::", "0.0.0.0"]) {
  const service = net.createServer((socket) => { socket.on("error", () => {}); socket.end("hello\\n") })
  service.on("error", () => {})
  service.listen({ port, host, ipv6Only: host === "::" })
}`
}

function clientProgram(budgetMs: number): string {
  const targets = Object.values(addresses).flatMap(([host]) => ports.map((port) => ({ host, port })))
  return `const net = require("net")
const until = Date.now() + ${budgetMs}
function attempt({ host, port }) {
  const left = until - Date.now()
  if (left <= 0) return
  const socket = net.connect(port, host)
  let done = false
  const again = () => { if (!done) { done = true; socket.destroy(); setTimeout(attempt, 50, { host, port }) } }
  socket.on("data", () => { if (!done) { done = true; console.log(host + " " + port); socket.destroy() } })
  socket.on("error", again)
  socket.on("close", again)
  setTimeout(again, Math.min(left, 400))
}
${JSON.stringify(targets)}.forEach(attempt)`
}
