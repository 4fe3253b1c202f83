import { randomBytes } from "node:crypto"
import { hostname, userInfo } from "node:os"
import type { Clock } from "../../../clock.ts"
import { Fault } from "../../../errors.ts"
import type { Outcome } from "../../../report/outcome.ts"
import { openAgreement } from "../../../secrets/agreement.ts"
import { canonicalHost } from "../../../secrets/host-name.ts"
import { type HostRecord, keepRecord } from "../../../secrets/host-records.ts"
import { rememberSecret } from "../../../secrets/remember.ts"
import { packageVersion } from "../../../system/installed-files.ts"
import type { ProgramHost } from "../../terminal/terminal.ts"
import { roadToKeep } from "../carriers.ts"
import { type KnownHost, KnownHosts } from "../known-hosts/known-hosts.ts"
import type { LoggedIn } from "./login.ts"
import type { WayIn } from "./road/way-in.ts"
import type { Server } from "./server.ts"

/** The commands of fw-watchdog that agree on a secret with us, and what they do, for people. */
const doing = { arm: "arming", enroll: "enrolling" } as const

/**
 * Runs a command of fw-watchdog there that agrees on a secret with us. It is never sent.
 * @param more options of that command
 * @throws Fault with what the server said, or why it said nothing
 */
export async function agreeBy(
  server: Server,
  command: keyof typeof doing,
  more: readonly string[],
): Promise<{ secret: Uint8Array; outcome: Outcome }> {
  const agreement = openAgreement("client")
  const { code, outcome } = await server.runProgram("watchdog", [
    ...[command, "--agree", agreement.publicValue, "--name", ownName()],
    ...more,
  ])
  if (outcome === undefined) throw withoutAnswer(server, doing[command], code)
  const { host } = server.target
  const agree = outcome.facts?.agree
  if (outcome.code === "done" && typeof agree === "string")
    return { secret: agreement.secretWith(agree), outcome }
  const hint =
    outcome.event === "armed-already"
      ? `add a secret of yours to that session: fw-knock arm --join ${host}`
      : outcome.hint
  throw new Fault(
    outcome.code === "done" ? "state-unknown" : outcome.code,
    `${host}: ${outcome.message}`,
    hint === undefined ? {} : { hint },
  )
}

/** USER@WORKSTATION, as the server's events and status call whoever has this secret. */
function ownName(): string {
  const name = `${userInfo().username}@${hostname().split(".")[0]}`
  return name
    .replace(/[^A-Za-z0-9._@-]/g, "_")
    .replace(/^[^A-Za-z0-9]/, "x")
    .slice(0, 32)
}

/** The command on the other side ended without a word for us. @param what it was doing */
function withoutAnswer({ survey, destination: { name } }: Server, what: string, code: number): Fault {
  const unknown = { hint: `nobody knows whether it was done; \`fw-knock status ${name}\` tells` }
  if (code === 255)
    return new Fault("state-unknown", `the connection to ${name} broke while it was ${what}`, unknown)
  if (code === 64 && survey.installed?.version === packageVersion())
    return new Fault("usage", `fw-watchdog on ${name} does not take these options for ${what}`, {
      hint: "nothing was done there",
    })
  if (code === 64)
    return new Fault(
      "missing",
      `the fw-watchdog on ${name} is too old for this: ${survey.installed?.version ?? "?"}`,
      { hint: `nothing was done there; --install installs this version` },
    )
  if (!survey.isRoot && code === 1)
    return new Fault("permission", `sudo on ${name} does not let this login run fw-watchdog`, {
      hint: "nothing was done there; look at sudoers, or log in as root",
    })
  return new Fault("state-unknown", `${what} on ${name} ended with exit code ${code} and no answer`, unknown)
}

/** A host as it is kept by now. */
export interface Kept {
  readonly folder: string
  readonly record: HostRecord
}

/** Remembers the secret under the name of the host, and beside it how the host is reached. */
export async function keep(
  known: KnownHost,
  { server, road }: LoggedIn,
  secret: Uint8Array,
  host: ProgramHost,
  enrolled: boolean,
): Promise<Kept> {
  const { secrets, records } = await new KnownHosts(host).foldersFor(known)
  const { config, target } = server
  rememberSecret(secrets, known.name, { secret, name: undefined }, randomBytes(8).toString("hex"))
  const old = known.record
  // By another of its names ssh may go another way: the one that belongs to the record's name stays.
  const other = old !== undefined && canonicalHost(old.name) !== canonicalHost(target.host)
  const record: HostRecord = {
    name: old?.name ?? target.host,
    hostName: other ? old.hostName : config.hostName,
    user: target.user ?? config.user,
    addresses: road.addresses,
    port: config.port,
    jump: other ? old.jump : road.jump,
    road: old?.road,
    aliveMs: old?.aliveMs,
    enrolled,
    groups: old?.groups,
  }
  keepRecord(records, record)
  return { folder: records, record }
}

/** Keeps that it has answered, and from where. */
export function keepAlive({ folder, record }: Kept, { proven, carrier }: WayIn, clock: Clock): void {
  const road = roadToKeep(carrier)
  const addresses = [...new Set([...(proven === undefined ? [] : [proven]), ...record.addresses])]
  keepRecord(folder, { ...record, addresses, road, aliveMs: clock.wallMs() })
}
