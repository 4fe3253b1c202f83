import { chmodSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import type { Host, Lab } from "../support/lab/lab.ts"
import { said, within } from "./deadline.ts"

/** A run that takes longer has hung; milliseconds. */
const runMs = 180_000

/** A router between two hosts, with folders of its own for fw-apply. */
export function makeRouter(lab: Lab): { client: Host; box: Host; server: Host; env: NodeJS.ProcessEnv } {
  const [client, box, server] = [lab.host("client"), lab.host("box"), lab.host("server")]
  lab.join(client, "eth0", ["192.0.2.2/24"], box, "wan", ["192.0.2.1/24"])
  lab.join(server, "eth0", ["198.51.100.2/24"], box, "lan", ["198.51.100.1/24"])
  box.sh("echo 1 >/proc/sys/net/ipv4/ip_forward")
  client.sh("ip route add default via 192.0.2.1")
  server.sh("ip route add default via 198.51.100.1")
  const folders = { RUNTIME_DIRECTORY: join(lab.folder, "run"), STATE_DIRECTORY: join(lab.folder, "state") }
  for (const folder of Object.values(folders)) {
    mkdirSync(folder)
    chmodSync(folder, 0o700)
  }
  return { client, box, server, env: { ...process.env, ...folders } }
}

/** Runs a command to its end and returns how long it took, in milliseconds; throws with its own words when it fails. */
export async function wallMs(
  host: Host,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  good: readonly number[] = [0],
): Promise<number> {
  const begun = performance.now()
  const child = host.start(command, { env })
  let said = ""
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-500)
    })
  const code = await new Promise((resolve) => child.once("exit", resolve))
  if (!good.includes(Number(code))) throw new Error(`${command[0]}: exit code ${code}: ${said}`)
  return performance.now() - begun
}

/** What came of a run that gave no figure. */
export interface Failed {
  readonly failed: string
}
/** How long a run took, in milliseconds, or why there is no figure. */
export type Taken = number | Failed

/** The same, with failing as a value and a limit. */
export async function attempt(...run: Parameters<typeof wallMs>): Promise<Taken> {
  try {
    return await within(runMs, "one run", wallMs(...run))
  } catch (thrown) {
    return { failed: said(thrown) }
  }
}
