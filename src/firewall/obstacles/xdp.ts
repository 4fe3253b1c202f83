import { failureOf } from "../../system/process/run-command.ts"
import type { LookDeps } from "./looking.ts"
import { notLooked, type Survey } from "./obstacle.ts"

/** XDP programs see packets before any capture does, and before any rule; `ip -j link` names them under `xdp`. */
export async function lookForXdp({
  run,
  findProgram: find,
}: Pick<LookDeps, "run" | "findProgram">): Promise<Survey> {
  const ip = find("ip")
  if (ip === undefined) return notLooked("xdp", "ip is missing")
  const listed = await run({ path: ip, args: ["-j", "link", "show"] })
  if (!listed.ok) return notLooked("xdp", failureOf(listed))
  const links = JSON.parse(listed.stdout || "[]") as { ifname?: string; xdp?: unknown }[]
  const found = links
    .filter(({ xdp }) => xdp !== undefined)
    .map(({ ifname = "" }) => ({ kind: "xdp" as const, where: `an XDP program on ${ifname}` }))
  return { found, notLooked: [] }
}
