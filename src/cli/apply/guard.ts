import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import type { PlannedChange } from "../../apply/plan.ts"
import type { SshConnection } from "../../apply/ssh-client.ts"
import { Fault } from "../../errors.ts"
import type { Snapshot } from "../../firewall/snapshot/snapshot.ts"
import { saveSnapshot } from "../../firewall/snapshot/store/store.ts"
import { askOnce } from "../../guard/control/client.ts"
import { launchGuard } from "../../guard/launch/launch.ts"
import {
  type ArmedBy,
  type ArmedSecret,
  plainestSession,
  type SessionConfiguration,
} from "../../guard/machine/configuration.ts"
import type { ChangeOrder } from "../../guard/machine/event.ts"
import { foldersFor, preparePrivateFolder } from "../../guard/state/folders.ts"
import { formatDuration } from "../../report/duration.ts"
import type { Outcome } from "../../report/outcome.ts"
import { generateSecret } from "../../secrets/secret.ts"
import { packageVersion } from "../../system/installed-files.ts"
import { knockPorts } from "../../system/network/login-ports.ts"
import { systemClock } from "../../system/system-clock.ts"
import { withoutZone } from "../../wire/address.ts"
import { outliveEnding, statusOf } from "../arming/ending-session.ts"
import { addressToShow } from "../arming/instructions.ts"
import { whoArms } from "../arming/invoker.ts"
import { armedSecrets, hostToKnock, secretLines, warnOfForeignSecrets } from "../arming/secrets.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"
import type { ApplyOptions } from "./options.ts"

/** A session for one change waits so long for it, in milliseconds; from then on the change's own time counts. */
const forChangeMs = 120_000

/** The guard that a change is made by. */
export interface ApplyGuard {
  readonly runtimeFolder: string
  /** The host as fw-knock is to be told it. */
  readonly knockHost: string
  /** An authentic knock from outside has been answered. */
  readonly proven: boolean
  /** Ends a session that was armed for this change only; nothing was changed. */
  giveUp(): Promise<void>
}

/**
 * Joins the session of this network namespace, or arms one for this change, which answers knocks and ends with it.
 * @param before the rules in force, as they have just been read
 * @throws Fault `usage` when there is no terminal to show a secret on; `refused` when the session cannot take a change
 */
export async function joinGuard(
  options: ApplyOptions,
  connection: SshConnection | undefined,
  before: Snapshot,
  terminal: Terminal,
  host: ProgramHost,
): Promise<ApplyGuard> {
  const runtimeFolder = foldersFor(host.env).runtime
  const address = addressToShow(connection?.serverAddress)
  const status = await outliveEnding(runtimeFolder, systemClock, terminal)
  if (status !== undefined) {
    if (status.dryRun)
      throw new Fault("refused", "the session here is a dry run", { hint: "`fw-watchdog disarm` ends it" })
    const own = packageVersion()
    if (status.version !== own)
      throw new Fault(
        "refused",
        `the session here was armed by version ${status.version}, and this is ${own}: no change is handed over`,
        { hint: "knocks open it as before; for a change `fw-watchdog disarm`, then arm again" },
      )
    terminal.say(
      `joined the session of ${status.armedBy.user}, ${formatDuration(status.secondsLeft * 1000)} left`,
    )
    const knockHost = hostToKnock(status.secrets, address)
    return { runtimeFolder, knockHost, proven: status.provenFromOutside, giveUp: async () => {} }
  }
  const secrets = secretsFor(options, terminal, host, address)
  const configuration: SessionConfiguration = {
    ...plainestSession,
    timeoutMs: forChangeMs,
    secrets,
    secretFile: options.secretFile === undefined ? "" : resolve(options.secretFile),
    tcpPorts: knockPorts(),
    armedBy: changedBy(host, connection),
    forChange: true,
  }
  const ready = await launchBeside(configuration, before, runtimeFolder, host)
  for (const note of ready.notes) terminal.warn(note)
  warnOfForeignSecrets(secrets, terminal)
  if (options.withinMs > 0 && !nobodyKnocks(options, terminal, host)) {
    terminal.say("armed a session for this change; it answers knocks until the change is over")
    if (!terminal.json) for (const line of secretLines(secrets)) terminal.show(line)
  }
  return {
    runtimeFolder,
    knockHost: hostToKnock(secrets, address),
    proven: false,
    async giveUp() {
      await askOnce(runtimeFolder, { command: "disarm", by: "fw-apply" }).catch(() => {})
    },
  }
}

/** The guard need not read again what has just been read. */
async function launchBeside(
  configuration: SessionConfiguration,
  before: Snapshot,
  runtimeFolder: string,
  { env }: ProgramHost,
): ReturnType<typeof launchGuard> {
  preparePrivateFolder(runtimeFolder)
  const folder = mkdtempSync(join(runtimeFolder, "read-"))
  try {
    const read = await saveSnapshot(folder, before)
    return await launchGuard({ configuration, read }, runtimeFolder, env)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * One change at a time: while one waits, what is in force may go back at any moment, so nothing is compared with it.
 * @throws Fault `refused` saying whose it is, and how long it waits
 */
export async function refuseWhileChangeWaits(host: ProgramHost): Promise<void> {
  const change = (await statusOf(foldersFor(host.env).runtime))?.change
  if (change === undefined) return
  throw new Fault(
    "refused",
    `a change by ${change.user} waits for its confirmation, ${formatDuration(change.secondsLeft * 1000)} left`,
    { hint: "one change at a time: `fw-apply confirm` or `fw-apply rollback`" },
  )
}

/**
 * Whether the session is there for the way back only, and nobody is told its secret: nothing is confirmed, or an engine leaves with
 * `--detach` that proves the new connection itself.
 */
function nobodyKnocks(options: ApplyOptions, terminal: Terminal, host: ProgramHost): boolean {
  if (options.secretFile !== undefined) return false
  return options.withinMs === 0 || (options.detach && (terminal.json || host.stderr.isTTY !== true))
}

function secretsFor(
  options: ApplyOptions,
  terminal: Terminal,
  host: ProgramHost,
  address: string,
): readonly ArmedSecret[] {
  if (nobodyKnocks(options, terminal, host)) {
    const secret = Buffer.from(generateSecret(new Uint8Array(randomBytes(16)))).toString("hex")
    return [{ host: address, name: "", kind: "one-time", secret }]
  }
  const secrets = armedSecrets(
    options.secretFile,
    host.stderr.isTTY === true && !options.json,
    address,
    terminal,
  )
  if (secrets.length > 0) return secrets
  throw new Fault("usage", "there is no terminal to show a one-time secret on", {
    hint: "give --secret-file FILE (`fw-knock secret HOST` makes a line for it), or --no-confirm",
  })
}

function changedBy(host: ProgramHost, connection: SshConnection | undefined): ArmedBy {
  return whoArms(host.env, connection?.clientAddress)
}

/** Asks the guard to put a planned change in force. @returns what came of it; `raced` asks for another rehearsal */
export async function orderChange(
  guard: ApplyGuard,
  plan: PlannedChange,
  id: string,
  options: ApplyOptions,
  connection: SshConnection | undefined,
  host: ProgramHost,
): Promise<Outcome> {
  // Only root can write there, and the guard reads nothing else. A tmpfs: nothing waits for a disk.
  const folder = join(guard.runtimeFolder, `apply-${id}`)
  try {
    const order: ChangeOrder = {
      id,
      rehearsed: await saveSnapshot(folder, plan.before),
      candidate: await saveSnapshot(folder, { ...plan.candidate, reason: "candidate" }),
      withinMs: options.withinMs,
      force: options.force,
      save: options.save,
      sshPort: connection?.serverPort ?? 0,
      client: withoutZone(connection?.clientAddress ?? ""),
      user: changedBy(host, connection).user,
    }
    const { outcome } = await askOnce(guard.runtimeFolder, { command: "apply", order })
    return outcome
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
