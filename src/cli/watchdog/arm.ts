import { readFileSync } from "node:fs"
import { Fault } from "../../errors.ts"
import { launchGuard } from "../../guard/launch/launch.ts"
import { roadsOf } from "../../guard/machine/configuration.ts"
import { foldersFor } from "../../guard/state/folders.ts"
import { formatDuration } from "../../report/duration.ts"
import { exitCodeFor, type Outcome } from "../../report/outcome.ts"
import { networkDevices } from "../../system/network/network-devices.ts"
import { findSshConnection } from "../../system/network/ssh-connection.ts"
import { systemClock } from "../../system/system-clock.ts"
import { outliveEnding } from "../arming/ending-session.ts"
import { addressToShow } from "../arming/instructions.ts"
import { whoArms } from "../arming/invoker.ts"
import { armedSecrets, linesFor, warnOfForeignSecrets } from "../arming/secrets.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"
import type { ArmOptions } from "./arm-options.ts"
import { configurationOf } from "./arm-options.ts"
import { type ViewerSignals, watchSession } from "./viewer.ts"

/**
 * `fw-watchdog arm`: checks everything that can be checked, arms a session in a guard of its own, says how to use it,
 * and watches it unless `--detach`. Whatever is wrong is found before anything is started.
 *
 * @returns the exit code
 * @throws Fault for every reason not to arm; nothing is armed then.
 */
export async function armAndWatch(
  options: ArmOptions,
  terminal: Terminal,
  host: ProgramHost,
  signals: ViewerSignals,
): Promise<number> {
  const interactive = host.stderr.isTTY === true
  if (options.secretFile === undefined && options.plain === "" && !interactive)
    throw new Fault("usage", "there is no terminal to show a one-time secret on", {
      hint: "give --secret-file FILE (`fw-knock secret HOST` makes a line for it)",
    })
  checkInterfaces(options.devices)
  const ssh = findSshConnection(host.env, process.ppid)
  const address = addressToShow(ssh?.serverAddress)
  const secrets = armedSecrets(options.secretFile, interactive, address, terminal)
  if (process.geteuid?.() !== 0)
    throw new Fault("permission", "cannot arm a session without root", { hint: "sudo fw-watchdog" })

  const configuration = configurationOf(options, secrets, whoArms(host.env, ssh?.clientAddress))
  const folders = foldersFor(host.env)
  const interrupt = new AbortController()
  signals.onInterrupt(() => interrupt.abort())
  // What does not answer as a guard does is for the arming to judge.
  await outliveEnding(folders.runtime, systemClock, terminal).catch(() => undefined)
  const ready = await launchGuard({ configuration }, folders.runtime, host.env, interrupt.signal)
  const roads = roadsOf(configuration.tcpPorts)
  terminal.report(armedOutcome(options, { ...ready, roads }))
  for (const note of ready.notes) terminal.warn(note)
  warnOfForeignSecrets(secrets, terminal)
  if (!terminal.json) explain(options, linesFor(secrets, address, options), { ...ready, roads }, terminal)
  if (options.detach) return exitCodeFor("done")
  return exitCodeFor(await watchSession(terminal, folders.runtime, options.timeoutMs, signals))
}

/** The guard's own words of what it armed, and the roads that knocks can come by. */
export type ArmedFacts = Pick<Awaited<ReturnType<typeof launchGuard>>, "devices" | "filter" | "backends"> & {
  readonly roads: readonly string[]
}

/** The outcome of an arming. */
export function armedOutcome(options: ArmOptions, { devices, roads, filter, backends }: ArmedFacts): Outcome {
  const dryRun = options.dryRun ? " (dry run: the firewall will not be touched)" : ""
  return {
    event: "armed",
    code: "done",
    message: `armed for ${formatDuration(options.timeoutMs)}${dryRun}; not proven from outside`,
    facts: {
      timeoutSeconds: options.timeoutMs / 1000,
      onExpiry: options.onExpiry,
      dryRun: options.dryRun,
      ...{ devices, roads, filter, backends },
      provenFromOutside: false,
    },
  }
}

/** @param lines what to do on the workstation */
function explain(
  { verbose }: ArmOptions,
  lines: readonly string[],
  ready: ArmedFacts,
  terminal: Terminal,
): void {
  terminal.say(`hearing on ${ready.devices.join(", ")}; knocks come by ${ready.roads.join(", ")}`)
  if (verbose) {
    terminal.say(`filter: ${ready.filter}`)
    terminal.say(`firewall: ${ready.backends.join(", ")}`)
  }
  for (const line of lines) terminal.show(line)
}

/** @throws Fault `missing` naming the interfaces that there are */
export function checkInterfaces(wanted: readonly string[]): void {
  if (wanted.length === 0) return
  const present = networkDevices(readFileSync("/proc/self/net/dev", "utf8"))
  for (const name of wanted)
    if (name !== "any" && !present.includes(name))
      throw new Fault("missing", `--interface "${name}": there is no such interface`, {
        hint: `this machine has ${present.join(", ")}`,
      })
}
