import { Fault } from "../../errors.ts"
import { askOnce, inUse } from "../../guard/control/client.ts"
import { controlPath } from "../../guard/control/commands.ts"
import { launchGuard } from "../../guard/launch/launch.ts"
import { type ArmedSecret, roadsOf } from "../../guard/machine/configuration.ts"
import { foldersFor } from "../../guard/state/folders.ts"
import { enrolledBeside, readStanding } from "../../guard/state/standing-secrets.ts"
import { type Outcome, outcomeOfFault } from "../../report/outcome.ts"
import { standingSecretFile } from "../../secrets/enrolled.ts"
import { findSshConnection } from "../../system/network/ssh-connection.ts"
import { systemClock } from "../../system/system-clock.ts"
import { outliveEnding } from "../arming/ending-session.ts"
import { whoArms } from "../arming/invoker.ts"
import { usable } from "../arming/secrets.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"
import { agreeing } from "./agreeing.ts"
import { armedOutcome, checkInterfaces } from "./arm.ts"
import { type AgreeOptions, type ArmOptions, configurationOf } from "./arm-options.ts"

/**
 * `fw-watchdog arm --agree`: the server's part of `fw-knock arm`. Arms a session under a secret that it agrees on with the workstation, or
 * adds that secret to the session that is armed. Whatever comes of it is one object on standard output, with our public value in it.
 */
export async function armAgreed(
  options: ArmOptions,
  agree: AgreeOptions,
  terminal: Terminal,
  host: ProgramHost,
): Promise<number> {
  return await agreeing(agree.publicValue, terminal, async (agreed) => {
    checkInterfaces(options.devices)
    if (process.geteuid?.() !== 0)
      throw new Fault("permission", "cannot arm a session without root", { hint: "sudo fw-watchdog" })
    const secret = Buffer.from(agreed).toString("hex")
    const armed: ArmedSecret = { host: "", name: agree.name, kind: "one-time", secret }
    return await armOrJoin(options, agree, armed, terminal, host)
  })
}

async function armOrJoin(
  options: ArmOptions,
  { join }: AgreeOptions,
  secret: ArmedSecret,
  terminal: Terminal,
  host: ProgramHost,
): Promise<Outcome> {
  const { runtime } = foldersFor(host.env)
  const running = await outliveEnding(runtime, systemClock, terminal).catch(() => undefined)
  if (running !== undefined)
    return join
      ? (await askOnce(runtime, { command: "add-secret", secret })).outcome
      : { ...outcomeOfFault(await inUse(controlPath(runtime))), event: "armed-already" }
  const now = systemClock.wallMs()
  const standing = usable(
    options.secretFile === undefined
      ? enrolledBeside(standingSecretFile(host.env), now)
      : readStanding(options.secretFile, now),
    terminal,
  )
  const ssh = findSshConnection(host.env, process.ppid)
  const configuration = configurationOf(options, [...standing, secret], whoArms(host.env, ssh?.clientAddress))
  const ready = await launchGuard({ configuration }, runtime, host.env)
  for (const note of ready.notes) terminal.warn(note)
  return armedOutcome(options, { ...ready, roads: roadsOf(configuration.tcpPorts) })
}
