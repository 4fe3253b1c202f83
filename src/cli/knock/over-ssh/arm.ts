import { whyNoKnocks } from "../../../client/may-knock.ts"
import { type Clock, monotonicClock } from "../../../clock.ts"
import { Fault } from "../../../errors.ts"
import { exitCodeFor, type Outcome } from "../../../report/outcome.ts"
import { rememberedSecret } from "../../../secrets/remembered.ts"
import { sshWords } from "../../../ssh/words.ts"
import type { ProgramHost, Terminal } from "../../terminal/terminal.ts"
import { carriersTo } from "../carriers.ts"
import { hasSecret, type KnownHost, KnownHosts, sshPort } from "../known-hosts/known-hosts.ts"
import { agreeBy, keep, keepAlive } from "./agreed.ts"
import { Interrupt } from "./interrupt.ts"
import { type LoggedIn, logIn, type SshMeans } from "./login.ts"
import type { SshOptions } from "./options.ts"
import { type KnockRoad, WayIn } from "./road/way-in.ts"

/** A secret that is remembered already is tried while ssh logs in; milliseconds. */
const tryRememberedMs = 1500

/** A server that is armed, and that hears us. */
export interface Armed extends LoggedIn {
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

/**
 * Arms a server, or joins its session, and proves the way in.
 * @throws Fault that says what was done there; `no-answer` when it is armed and no knock arrives
 */
export async function armServer(
  typed: string,
  options: SshOptions,
  more: readonly string[],
  means: SshMeans,
): Promise<Armed> {
  const { host, terminal, interrupt, clock } = means
  const known = await new KnownHosts(host).find(typed)
  const name = known.target.host
  const already = heardAlready(known, options.ssh, clock)
  let login: LoggedIn | undefined
  let wayIn: WayIn | undefined
  try {
    login = await logIn(known, options, means)
    const before = await already
    if (before !== undefined) return { ...login, ...before, before: true }
    await refuseWithoutKnocks(login.road)
    terminal.progress(`arming ${name}`)
    const args = ["--detach", ...(options.join ? ["--join"] : []), ...more]
    const { secret } = await interrupt.during(agreeBy(login.server, "arm", args), () => armingCutOff(name))
    // A session there takes what is enrolled along: that secret goes on working, and is not to be lost here.
    const enrolled = known.record?.enrolled ? await heardAlready(known, options.ssh, clock) : undefined
    if (enrolled !== undefined) return { ...login, ...enrolled, before: false }
    wayIn = new WayIn(login.road, secret, clock)
    const kept = await keep(known, login, secret, host, false)
    terminal.progress(`knocking at ${name}`)
    const alive = await interrupt.during(wayIn.knock("probe", options.waitMs), () => unproven(name))
    if (alive.code !== "done") throw notHeard(name, alive)
    keepAlive(kept, wayIn, clock)
    return { ...login, wayIn, alive, before: false }
  } catch (thrown) {
    wayIn?.close()
    const before = await already
    before?.wayIn.close()
    await login?.server.close()
    throw thrown
  }
}

/** Who cannot knock from here would have armed for nothing. @throws Fault `permission` or `missing` with what to do */
async function refuseWithoutKnocks({ jump, addresses, carriers }: KnockRoad): Promise<void> {
  if (jump !== undefined) return
  const fault = await whyNoKnocks(addresses[0]?.includes(":") ? 6 : 4, carriers.tcpPort)
  if (fault === undefined) return
  const more = fault.hint === undefined ? "" : `; ${fault.hint}`
  throw new Fault(fault.code, `no knock can be sent from here: ${fault.message}`, {
    hint: `nothing was armed${more}`,
  })
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
    const { addresses, jump } = record
    const carriers = carriersTo(undefined, record, sshPort(known))
    const road = { host: target.host, addresses, jump, carriers, ssh: sshWords(ssh) }
    const wayIn = new WayIn(road, entry.secret, clock)
    const alive = await wayIn.knock("probe", tryRememberedMs)
    if (alive.code === "done") return { wayIn, alive }
    wayIn.close()
  } catch {
    // Another secret is made, and what cannot be sent is said then.
  }
  return undefined
}

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
