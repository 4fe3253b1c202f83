import { randomBytes } from "node:crypto"
import { hostname, userInfo } from "node:os"
import { type Clock, monotonicClock } from "../../../clock.ts"
import { Fault } from "../../../errors.ts"
import { exitCodeFor, type Outcome } from "../../../report/outcome.ts"
import { openAgreement } from "../../../secrets/agreement.ts"
import { type HostRecord, keepRecord } from "../../../secrets/host-records.ts"
import { rememberSecret } from "../../../secrets/remember.ts"
import { rememberedSecret } from "../../../secrets/remembered.ts"
import { sshWords } from "../../../ssh/words.ts"
import { packageVersion } from "../../../system/installed-files.ts"
import type { ProgramHost, Terminal } from "../../terminal/terminal.ts"
import { hasSecret, type KnownHost, KnownHosts } from "../known-hosts/known-hosts.ts"
import { install } from "./install.ts"
import { Interrupt } from "./interrupt.ts"
import type { SshOptions } from "./options.ts"
import { roadTo } from "./road.ts"
import { Server } from "./server.ts"
import { type KnockRoad, WayIn } from "./way-in.ts"

/** A secret that is remembered already is tried while ssh logs in; milliseconds. */
const tryRememberedMs = 1500

/** A server that is armed, and that hears us. */
export interface Armed {
  readonly server: Server
  readonly road: KnockRoad
  readonly wayIn: WayIn
  /** The probe's outcome: alive. */
  readonly alive: Outcome
  /** The session was there before, under a secret that we had. */
  readonly before: boolean
}

/**
 * `fw-knock arm HOST`: one login, and no secret to copy. Only a server that has answered a probe is a success.
 * @param more options of `fw-watchdog arm` there
 * @returns the exit code; everything has been said
 */
export async function arm(
  typed: string,
  options: SshOptions,
  more: readonly string[],
  terminal: Terminal,
  host: ProgramHost,
): Promise<number> {
  const interrupt = new Interrupt()
  try {
    const armed = await armServer(typed, options, more, { terminal, host, interrupt, clock: monotonicClock })
    await armed.server.close()
    armed.wayIn.close()
    const { alive, before } = armed
    const outcome: Outcome = {
      ...alive,
      event: before ? "armed-already" : "armed",
      message: before
        ? alive.message.replace(": alive", ": armed already, and alive")
        : alive.message.replace(": alive", ": armed, and alive"),
      facts: { ...alive.facts, armed: true },
    }
    terminal.report(outcome)
    return exitCodeFor(outcome.code)
  } finally {
    interrupt.stop()
  }
}

export interface ArmMeans {
  readonly terminal: Terminal
  readonly host: ProgramHost
  readonly interrupt: Interrupt
  readonly clock: Clock
}

/**
 * Arms a server, or joins its session, and proves the way in.
 * @throws Fault that says what was done there; `no-answer` when it is armed and no knock arrives
 */
export async function armServer(
  typed: string,
  options: SshOptions,
  more: readonly string[],
  means: ArmMeans,
): Promise<Armed> {
  const { host, terminal, interrupt, clock } = means
  const known = await new KnownHosts(host).find(typed)
  const name = known.target.host
  const nothing = (): Fault => new Fault("refused", `interrupted: nothing was done on ${name}`)
  terminal.progress(`logging in to ${name}`)
  const already = heardAlready(known, options.ssh, clock)
  const server = await interrupt.during(Server.logIn(typed, options.ssh, host), nothing)
  try {
    const road = await roadTo(server, options, clock)
    if (options.install) await interrupt.during(install(server, terminal), () => installing(name))
    const before = await already
    if (before !== undefined) return { ...before, server, road, before: true }
    terminal.progress(`arming ${name}`)
    const fresh = await interrupt.during(agree(server, options, more), () => armingCutOff(name))
    // A session there takes what is enrolled along: that secret goes on working, and is not to be lost here.
    const enrolled =
      known.record?.enrolled === true ? await heardAlready(known, options.ssh, clock) : undefined
    if (enrolled !== undefined) return { ...enrolled, server, road, before: false }
    const secret = fresh
    const wayIn = new WayIn(road, secret, clock)
    try {
      const kept = await keep(known, server, road, secret, host)
      terminal.progress(`knocking at ${name}`)
      const alive = await interrupt.during(wayIn.knock("probe", options.waitMs), () => unproven(name))
      if (alive.code !== "done") throw notHeard(name, alive)
      const addresses = [...new Set([wayIn.proven ?? "", ...road.addresses])].filter(Boolean)
      keepRecord(kept.folder, { ...kept.record, addresses, aliveMs: clock.wallMs() })
      return { server, road, wayIn, alive, before: false }
    } catch (thrown) {
      wayIn.close()
      throw thrown
    }
  } catch (thrown) {
    await server.close()
    throw thrown
  }
}

/** Tries the secret that is remembered, where it is known where to knock: a session may be armed that knows it. */
async function heardAlready(
  known: KnownHost,
  ssh: string,
  clock: Clock,
): Promise<{ wayIn: WayIn; alive: Outcome } | undefined> {
  const { record, folders, name, target } = known
  if (record === undefined || record.addresses.length === 0 || folders === undefined || !hasSecret(known))
    return undefined
  try {
    const entry = rememberedSecret(folders.secrets, name)
    if (entry === undefined) return undefined
    const road = { host: target.host, addresses: record.addresses, jump: record.jump, ssh: sshWords(ssh) }
    const wayIn = new WayIn(road, entry.secret, clock)
    const alive = await wayIn.knock("probe", tryRememberedMs)
    if (alive.code === "done") return { wayIn, alive }
    wayIn.close()
  } catch {
    // Another secret is made, and what cannot be sent is said then.
  }
  return undefined
}

/** Agrees on a secret with the server, which arms with it. It is never sent. */
async function agree(server: Server, { join }: SshOptions, more: readonly string[]): Promise<Uint8Array> {
  const { secret } = await agreeBy(server, ["arm", "--detach", ...(join ? ["--join"] : [])], more)
  return secret
}

/**
 * Runs a command of fw-watchdog there that agrees on a secret with us.
 * @param more behind the words of the agreement
 */
export async function agreeBy(
  server: Server,
  command: readonly string[],
  more: readonly string[],
): Promise<{ secret: Uint8Array; outcome: Outcome }> {
  const agreement = openAgreement("client")
  const end = await server.runProgram("watchdog", [
    ...command,
    ...["--agree", agreement.publicValue, "--name", ownName()],
    ...more,
  ])
  const { outcome } = end
  const { host } = server.target
  if (outcome === undefined) throw notArmed(server, end.code)
  if (outcome.code !== "done" || typeof outcome.facts?.agree !== "string") {
    const isArmed = outcome.code === "refused" && /armed already/.test(outcome.message)
    const hint = isArmed ? `add a secret of yours to that session: fw-knock arm --join ${host}` : outcome.hint
    throw new Fault(outcome.code === "done" ? "state-unknown" : outcome.code, `${host}: ${outcome.message}`, {
      ...(hint === undefined ? {} : { hint }),
    })
  }
  return { secret: agreement.secretWith(outcome.facts.agree), outcome }
}

/** USER@WORKSTATION, as the server's events and status call whoever has this secret. */
function ownName(): string {
  const name = `${userInfo().username}@${hostname().split(".")[0]}`
  return name
    .replace(/[^A-Za-z0-9._@-]/g, "_")
    .replace(/^[^A-Za-z0-9]/, "x")
    .slice(0, 32)
}

/** The command on the other side ended without a word for us. */
function notArmed({ survey, destination: { name } }: Server, code: number): Fault {
  const hint = `\`fw-knock status ${name}\` tells`
  if (code === 255)
    return new Fault(
      "state-unknown",
      `the connection to ${name} broke while it was arming; nobody knows whether it is armed`,
      { hint },
    )
  if (code === 64 && survey.installed?.version === packageVersion())
    return new Fault("usage", `fw-watchdog on ${name} does not take these options of arm`, {
      hint: "nothing was armed",
    })
  if (code === 64)
    return new Fault(
      "missing",
      `the fw-watchdog on ${name} is too old for this: ${survey.installed?.version ?? "?"}`,
      {
        hint: `nothing was armed; fw-knock arm --install ${name} installs this version there`,
      },
    )
  if (!survey.isRoot && code === 1)
    return new Fault("permission", `sudo on ${name} does not let this login run fw-watchdog`, {
      hint: "nothing was armed; look at sudoers there, or log in as root",
    })
  return new Fault("state-unknown", `arming ${name} ended with exit code ${code} and no answer`, { hint })
}

/** Remembers the secret under the name that was typed, and beside it how the host is reached. */
export async function keep(
  known: KnownHost,
  server: Server,
  road: KnockRoad,
  secret: Uint8Array,
  host: ProgramHost,
  enrolled = false,
): Promise<{ folder: string; record: HostRecord }> {
  const folders = await new KnownHosts(host).foldersFor(known)
  const { config, target } = server
  rememberSecret(folders.secrets, known.name, { secret, name: undefined }, randomBytes(8).toString("hex"))
  const record: HostRecord = {
    name: known.record?.name ?? target.host,
    hostName: config.hostName,
    user: target.user ?? config.user,
    addresses: road.addresses,
    port: config.port,
    jump: road.jump,
    road: known.record?.road,
    aliveMs: known.record?.aliveMs,
    enrolled,
  }
  keepRecord(folders.records, record)
  return { folder: folders.records, record }
}

const installing = (name: string): Fault =>
  new Fault("state-unknown", `interrupted while the package was installed on ${name}`, {
    hint: `nothing was armed; look there: ssh ${name} dpkg -s fw-watchdog`,
  })

const armingCutOff = (name: string): Fault =>
  new Fault("state-unknown", `interrupted while ${name} was arming; nobody knows whether it is armed`, {
    hint: `\`fw-knock status ${name}\` tells, \`fw-knock disarm ${name}\` ends it`,
  })

const unproven = (name: string): Fault =>
  new Fault("state-unknown", `interrupted: ${name} is armed, and nobody knows whether a knock gets there`, {
    hint: `fw-knock probe ${name}`,
  })

function notHeard(name: string, { message, hint, facts }: Outcome): Fault {
  const why = message.replace(`${name}: `, "")
  const more = hint === undefined ? "" : `; ${hint}`
  return new Fault("no-answer", `${name} is armed, and no knock arrives: ${why}`, {
    hint: `do not change a rule${more}`,
    cause: facts,
  })
}
