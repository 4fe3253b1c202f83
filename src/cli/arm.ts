import { randomBytes } from "node:crypto"
import { readFileSync, readlinkSync } from "node:fs"
import { isIP } from "node:net"
import { hostname, networkInterfaces, userInfo } from "node:os"
import { resolve } from "node:path"
import { Fault } from "../errors.ts"
import {
  type ArmedBy,
  type ArmedSecret,
  type SessionConfiguration,
  standingSecrets,
} from "../guard/configuration.ts"
import { foldersFor } from "../guard/folders.ts"
import { launchGuard } from "../guard/launch.ts"
import { deriveKeys } from "../knock/keys.ts"
import { encodeRequest } from "../knock/request.ts"
import { generateSecret } from "../knock/secret.ts"
import { formatSecretLine } from "../knock/secret-file.ts"
import { networkDevices } from "../listener/network-devices.ts"
import { exitCodeFor, type Outcome } from "../report/outcome.ts"
import { readSecretFile } from "../sender/secret-source.ts"
import type { ArmOptions } from "./arm-options.ts"
import { formatDuration } from "./duration.ts"
import { findSshConnection } from "./ssh-connection.ts"
import type { ProgramHost, Terminal } from "./terminal.ts"
import { type ViewerSignals, watchSession } from "./viewer.ts"
import { addressToShow, workstationLines } from "./workstation-lines.ts"

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
  const secrets = armedSecrets(options, interactive, address)
  if (process.geteuid?.() !== 0)
    throw new Fault("permission", "cannot arm a session without root", { hint: "sudo fw-watchdog" })

  const configuration: SessionConfiguration = {
    timeoutMs: options.timeoutMs,
    onExpiry: options.onExpiry,
    openForMs: options.openForMs,
    scope: options.scope,
    secrets,
    secretFile: options.secretFile === undefined ? "" : resolve(options.secretFile),
    plain: options.plain,
    devices: options.devices,
    from: options.from,
    dryRun: options.dryRun,
    quiet: options.quiet,
    armedBy: whoArms(host.env, ssh?.clientAddress),
  }
  const folders = foldersFor(host.env)
  const ready = await launchGuard({ configuration }, folders.runtime, host.env)
  const outcome: Outcome = {
    event: "armed",
    code: "done",
    message: `armed for ${formatDuration(options.timeoutMs)}${options.dryRun ? " (dry run: the firewall will not be touched)" : ""}; not proven from outside`,
    facts: {
      timeoutSeconds: options.timeoutMs / 1000,
      onExpiry: options.onExpiry,
      dryRun: options.dryRun,
      devices: ready.devices,
      filter: ready.filter,
      backends: ready.backends,
      provenFromOutside: false,
    },
  }
  terminal.report(outcome)
  for (const note of ready.notes) terminal.warn(note)
  warnOfForeignSecrets(secrets, terminal)
  if (!terminal.json)
    explain(options, secrets, address, ready.devices, ready.filter, ready.backends, terminal)
  if (options.detach) return exitCodeFor("done")
  return exitCodeFor(await watchSession(terminal, folders.runtime, options.timeoutMs, signals))
}

function explain(
  options: ArmOptions,
  secrets: readonly ArmedSecret[],
  address: string,
  devices: readonly string[],
  filter: string,
  backends: readonly string[],
  terminal: Terminal,
): void {
  terminal.say(`hearing on ${devices.join(", ")}`)
  terminal.say(`filter: ${filter}`)
  terminal.say(`firewall: ${backends.join(", ")}`)
  const oneTime = secrets.find((secret) => secret.kind === "one-time")
  const bytes = oneTime === undefined ? undefined : new Uint8Array(Buffer.from(oneTime.secret, "hex"))
  const lines = workstationLines({
    address,
    secretLine:
      bytes === undefined ? undefined : formatSecretLine({ host: address, name: undefined, secret: bytes }),
    readyMade: bytes === undefined ? undefined : readyMadeReset(bytes),
    standing: secrets.some((secret) => secret.kind === "standing"),
    plain: options.plain !== "",
  })
  for (const line of lines) terminal.show(line)
}

/** One complete one-way reset request, in hex: good once, for this session's one-time secret only. */
function readyMadeReset(secret: Uint8Array): string {
  const request = encodeRequest(deriveKeys(secret), {
    verb: "reset",
    oneWay: true,
    hard: false,
    clientTimeMs: Date.now(),
    nonce: new Uint8Array(randomBytes(16)),
    challenge: undefined,
  })
  return Buffer.from(request).toString("hex")
}

function armedSecrets(options: ArmOptions, interactive: boolean, address: string): ArmedSecret[] {
  if (options.secretFile !== undefined) return standingSecrets(readSecretFile(options.secretFile))
  if (!interactive) return []
  const secret = generateSecret(new Uint8Array(randomBytes(16)))
  return [{ host: address, name: "", kind: "one-time", secret: Buffer.from(secret).toString("hex") }]
}

/** One secret, one host: a line that names another host has been copied here by mistake. */
function warnOfForeignSecrets(secrets: readonly ArmedSecret[], terminal: Terminal): void {
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map((entry) => entry.address),
  )
  const own = new Set([hostname(), hostname().split(".")[0], "localhost", ...addresses])
  for (const { host, kind } of secrets) {
    // A name may be this host's in the DNS; only an address that is not here is surely another's.
    if (kind === "standing" && host !== "" && !own.has(host) && (isIP(host) !== 0 || !host.includes(".")))
      terminal.warn(
        `a secret names "${host}", and this host is "${hostname()}"`,
        "one secret, one host: `fw-knock secret HOST` makes a new one",
      )
  }
}

function checkInterfaces(wanted: readonly string[]): void {
  if (wanted.length === 0) return
  const present = networkDevices(readFileSync("/proc/self/net/dev", "utf8"))
  for (const name of wanted)
    if (name !== "any" && !present.includes(name))
      throw new Fault("missing", `--interface "${name}": there is no such interface`, {
        hint: `this machine has ${present.join(", ")}`,
      })
}

function whoArms(environment: ProgramHost["env"], from: string | undefined): ArmedBy {
  return {
    user: environment.SUDO_USER ?? environment.LOGNAME ?? environment.USER ?? userInfo().username,
    from: from ?? "",
    terminal: terminalName(),
  }
}

function terminalName(): string {
  try {
    const target = readlinkSync("/proc/self/fd/2")
    return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") ? target : ""
  } catch {
    return ""
  }
}
