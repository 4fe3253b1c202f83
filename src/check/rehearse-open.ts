import { Fault, reasonOf } from "../errors.ts"
import { armFirewall } from "../firewall/open/arm-firewall.ts"
import { type OpenReport, openFirewall } from "../firewall/open/open-firewall.ts"
import { namedInterfaces, type ProveDeps } from "../firewall/restore/prove.ts"
import type { RestoreReport } from "../firewall/restore/report.ts"
import { restoreSnapshot } from "../firewall/restore/restore.ts"
import type { Namespace } from "../firewall/sandbox/namespace.ts"
import { isOutOfReach } from "../firewall/snapshot/refuse-unread.ts"
import { type Snapshot, takeSnapshot } from "../firewall/snapshot/snapshot.ts"
import { readTextFile } from "../firewall/tools/detect.ts"
import { toolName } from "../firewall/tools/table.ts"
import { withScratchFolder } from "../system/files/scratch-folder.ts"
import type { CommandRequest, RunCommand } from "../system/process/run-command.ts"
import { failureOf } from "../system/process/run-command.ts"
import { startLoader } from "../system/process/standby-process.ts"
import { type Reached, rehearsalNet } from "./rehearsal-net.ts"

/** One thing that the rehearsal found; in the shape of the findings of `fw-watchdog check`. */
export interface RehearsalFinding {
  readonly level: "ok" | "note" | "problem"
  readonly subject: "rehearsal"
  readonly message: string
  readonly advice?: string
}

/**
 * Rehearses an open: a throw-away namespace is loaded with this machine's own rules and a lockout on top, a second one
 * is joined to it as a client, and the open that a knock would start runs in the first. A real TCP connection from the
 * client, shut out before, has to come through after. Touches nothing outside of the two namespaces. Never throws: what
 * cannot be rehearsed is a finding.
 */
export async function rehearseOpen(deps: ProveDeps): Promise<RehearsalFinding[]> {
  try {
    return await withScratchFolder((folder) => rehearseWith(deps, folder))
  } catch (thrown) {
    const message = `the open could not be rehearsed: ${reasonOf(thrown)}`
    return [problem(message, "run as root where namespaces are allowed")]
  }
}

async function rehearseWith(deps: ProveDeps, folder: string): Promise<RehearsalFinding[]> {
  const snapshot = await takeSnapshot(deps, "rehearsal")
  const net = await rehearsalNet(deps, await namedInterfaces(deps, snapshot))
  try {
    const wire = await net.connect(3000)
    const families = wire.filter((one) => one.greeted)
    if (families.length === 0)
      return [problem("the rehearsal's own wire carries nothing", "look at `ip link` and veth")]
    const there = { ...deps, run: net.server.run }
    const loaded = await restoreSnapshot(there, snapshot, { folder })
    await lockOut(there)
    const shut = await net.connect(500)
    if (shut.some((one) => one.greeted))
      return [...notLoaded(loaded), problem("the rehearsal's lockout does not shut anything out")]
    const report = await openIn(deps, net.server)
    const reached = await net.connect(3000)
    return [...unknown(snapshot), ...notLoaded(loaded), ...verdict(families, reached, report)]
  } finally {
    await net.close()
  }
}

/** Shuts everything out, on top of whatever the rules do, with the first tool that is here. */
async function lockOut({ run, tools }: ProveDeps): Promise<void> {
  const { nft } = tools
  const chain = `{ type filter hook input priority 0 ; policy drop ; }`
  if (nft !== undefined) {
    for (const command of [`add table inet ${lockout}`, `add chain inet ${lockout} in ${chain}`])
      await done(run, { path: nft, args: [command] })
    return
  }
  const restores = (["ip", "ip6"] as const).map(
    (family) => tools[toolName("nft", family, "restore")] ?? tools[toolName("legacy", family, "restore")],
  )
  for (const path of restores.filter((one) => one !== undefined))
    await done(run, { path, args: ["--noflush"], input: "*filter\n:INPUT DROP [0:0]\nCOMMIT\n" })
}

const lockout = "fw-watchdog-lockout"

async function done(run: RunCommand, request: CommandRequest): Promise<void> {
  const result = await run(request)
  if (!result.ok) throw new Fault("missing", `cannot shut the rehearsal: ${failureOf(result)}`)
}

/** Arms in the namespace and opens, as the guard does on a knock. */
async function openIn(deps: ProveDeps, server: Namespace): Promise<OpenReport> {
  const { setpriv, nsenter } = deps.system
  const enter = ["--pdeathsig", "KILL", nsenter, `--net=${server.netns}`, "--"]
  const firewall = await armFirewall({
    run: server.run,
    clock: deps.clock,
    start: ({ path, args, env = {} }, events) =>
      startLoader({ path: setpriv, args: [...enter, path, ...args], env }, events),
    // /proc/net is that of the process in its path.
    readText: (path) => readTextFile(path.replace(/^\/proc\/net\//, `/proc/${server.pid}/net/`)),
  })
  try {
    return await openFirewall(firewall, { scope: "all", hard: false }).settled
  } finally {
    firewall.close()
  }
}

function verdict(
  families: readonly Reached[],
  reached: readonly Reached[],
  report: OpenReport,
): RehearsalFinding[] {
  const came = (one: Reached): boolean =>
    reached.some(({ family, port, greeted }) => greeted && family === one.family && port === one.port)
  const through = families.filter(came).map(nameOf)
  const not = families.filter((one) => !came(one)).map(nameOf)
  const still = report.stillDropping.map(({ backend, where }) => `${backend}: ${where}`)
  const findings = report.failures.map((failure) =>
    problem(`in the rehearsal a step of the open failed: ${failure}`),
  )
  if (not.length > 0)
    findings.push(
      problem(
        `in a copy of these rules an open did not let through: ${not.join(", ")}`,
        still.length > 0
          ? "look at what still drops, below"
          : "nat may carry the port elsewhere: see `nft list ruleset`",
      ),
    )
  findings.push(...still.map((one) => problem(`in the rehearsal this still dropped after the open: ${one}`)))
  if (through.length > 0)
    findings.push({
      level: findings.length === 0 ? "ok" : "note",
      subject: "rehearsal",
      message: `in a copy of these rules an open let through what was shut out before: ${through.join(", ")}`,
    })
  return findings
}

function nameOf({ family, port }: Reached): string {
  return `${family} tcp/${port}`
}

/** Rules that cannot be read are not in the copy, nor in what an undo would bring back. */
function unknown({ unread }: Snapshot): RehearsalFinding[] {
  return unread.map((one) => {
    const message = `the rules of ${one.where} cannot be read, so nobody knows what an open would do to them: ${one.why}`
    return isOutOfReach(one)
      ? { level: "note", subject: "rehearsal", message }
      : problem(message, "take away the rule that its tool cannot list, or mend the tool")
  })
}

/** Rules that are not in the copy: the rehearsal says nothing about them. */
function notLoaded({ left, failures, differences }: RestoreReport): RehearsalFinding[] {
  const why = new Map<string, string>()
  for (const { where, kind, lines } of differences) why.set(where, lines[0] ?? kind)
  for (const { where, why: reason } of left) why.set(where, reason)
  const tables = [...why].map(([where, reason]) => ({
    level: "note" as const,
    subject: "rehearsal" as const,
    message: `not rehearsed with ${where}: ${reason}`,
  }))
  return [
    ...failures.map((failure) => problem(`these rules could not be loaded for a rehearsal: ${failure}`)),
    ...tables,
  ]
}

function problem(message: string, advice?: string): RehearsalFinding {
  return { level: "problem", subject: "rehearsal", message, ...(advice === undefined ? {} : { advice }) }
}
