import { Pace } from "../../client/pace.ts"
import { monotonicClock } from "../../clock.ts"
import type { Verb } from "../../knock/verbs.ts"
import { exitCodeOf, outcomeOfFault } from "../../report/outcome.ts"
import { openTerminal, type ProgramHost, type Terminal } from "../terminal/terminal.ts"
import { runKnockProgram } from "./command-line.ts"
import { isCrowd } from "./crowd/crowd.ts"
import { Tally } from "./crowd/tally.ts"
import { checkFleetOptions, isFleet } from "./fleet/options.ts"
import { type KnockEnd, knockAtHosts } from "./hosts.ts"
import { KnownHosts } from "./known-hosts/known-hosts.ts"
import { checkKnockOptions, type KnockOptions, type KnockOptionTexts } from "./options.ts"
import type { SshOptions, SshOptionTexts } from "./over-ssh/options.ts"
import { Roads } from "./roads.ts"
import { askForSecrets, type WantedHost, wantedHosts } from "./secrets.ts"

/*
 * Only what every knock needs is imported here. The rest, for other commands, prompts, names and ports, is loaded when it
 * is wanted: a knock is not to wait for it.
 */

/** Ports that are looked at at the same time; each takes a few sockets. */
const mostLooks = 256

/**
 * `fw-knock`: reads the command line and does what it asks for.
 * @param args the arguments behind the program's name
 * @returns the exit code: the worst of all hosts; whatever went wrong has been said
 */
export async function knockMain(args: readonly string[], host: ProgramHost): Promise<number> {
  const overSsh = async (
    target: string,
    texts: SshOptionTexts,
    run: (options: SshOptions, terminal: Terminal) => Promise<number>,
  ): Promise<number> => {
    const terminal = openTerminal("fw-knock", host, { json: texts.json ?? false })
    const { checkSshOptions } = await import("./over-ssh/options.ts")
    return await saying(terminal, { host: target }, async () => await run(checkSshOptions(texts), terminal))
  }
  return await runKnockProgram(args, host, {
    arm: (target, more, texts) =>
      overSsh(target, texts, async (options, terminal) =>
        (await import("./over-ssh/arm.ts")).arm(target, options, more, terminal, host),
      ),
    apply: (target, file, more, texts) =>
      overSsh(target, texts, async (options, terminal) =>
        (await import("./over-ssh/apply.ts")).apply(target, file, options, more, terminal, host),
      ),
    enroll: (target, texts) =>
      overSsh(target, texts, async (options, terminal) =>
        (await import("./over-ssh/enroll.ts")).enroll(target, options, texts.expires, terminal, host),
      ),
    session: (command, target, texts) =>
      overSsh(target, texts, async ({ ssh }, terminal) =>
        (await import("./over-ssh/session.ts")).runThere(command, target, ssh, terminal, host),
      ),
    knock: (verb, hosts, texts) => knock(verb, hosts, texts, host),
    async secret(name, target, json) {
      const terminal = openTerminal("fw-knock", host, { json })
      const secrets = await import("./secret-commands.ts")
      return await saying(terminal, { host: target }, () => secrets[name](target, terminal, host))
    },
    async list(json, group) {
      const terminal = openTerminal("fw-knock", host, { json })
      const { list } = await import("./known-hosts/list.ts")
      const known = new KnownHosts(host)
      return await saying(terminal, {}, () => list(terminal, known, monotonicClock.wallMs(), group))
    },
    async importHosts(pattern, texts) {
      const terminal = openTerminal("fw-knock", host, { json: texts.json ?? false })
      const { importHosts } = await import("./fleet/import.ts")
      return await saying(terminal, {}, () => importHosts(pattern, texts, terminal, monotonicClock, host))
    },
  })
}

async function knock(
  verb: Verb,
  hosts: readonly string[],
  texts: KnockOptionTexts,
  host: ProgramHost,
): Promise<number> {
  const terminal = openTerminal("fw-knock", host, { json: texts.json ?? false })
  return await saying(terminal, { verb }, async () => {
    checkFleetOptions(verb, hosts, texts)
    const options = checkKnockOptions(verb, hosts, texts)
    const known = new KnownHosts(host)
    if (!isFleet(options.hosts, texts)) return await knockAll(options, known, terminal, host)
    const { chosenHosts } = await import("./fleet/choose.ts")
    const chosen = await chosenHosts(options, texts, known, terminal, host)
    return await knockAll({ ...options, hosts: chosen }, known, terminal, host)
  })
}

async function knockAll(
  options: KnockOptions,
  known: KnownHosts,
  terminal: Terminal,
  host: ProgramHost,
): Promise<number> {
  const hosts = await wantedHosts(options, known, host)
  const lacks = ({ secret }: WantedHost): boolean => secret === undefined && options.plain === undefined
  const lacking = hosts.filter(lacks)
  const ready = hosts.filter((wanted) => !lacks(wanted))
  const { failedFile, first = 0 } = options
  if (failedFile !== undefined) (await import("./crowd/failed-file.ts")).checkFailedFile(failedFile)
  const crowd = isCrowd(hosts.length)
  const clock = monotonicClock
  const startedMs = clock.bootMs()
  const tally = new Tally(crowd, options.maxFail, terminal)
  const lookups = crowd
    ? (await import("../../client/many-lookups.ts")).openManyLookups(host.env, clock, options.waitMs)
    : undefined
  const roads = new Roads(clock, options)
  try {
    const pace = new Pace(clock, { rate: options.rate })
    const looks = new Pace(clock, { window: mostLooks })
    const means = { clock, roads, terminal, tally, pace, looks, lookup: lookups?.lookup, crowd }
    // Nobody is to wait for what somebody types about another host.
    const rounds = [ready.slice(0, first), ready.slice(first), lacking].filter(({ length }) => length > 0)
    const ends: KnockEnd[] = []
    let packetsSent = 0
    for (const round of rounds) {
      const asks = round === lacking && tally.stopped === undefined
      const asked = asks ? await askForSecrets(lacking, host) : round
      const knocked = await knockAtHosts(options, asked, means)
      ends.push(...knocked.ends)
      packetsSent += knocked.packetsSent
    }
    tally.tellSum({ packetsSent, tookMs: Math.round(clock.bootMs() - startedMs) })
    if (failedFile !== undefined)
      (await import("./crowd/failed-file.ts")).writeFailedFile(failedFile, tally.failedHosts)
    const { afterKnocks } = await import("./known-hosts/after-knocks.ts")
    await afterKnocks(ends, options, terminal, clock.wallMs())
    return tally.exitCode
  } finally {
    roads.close()
    lookups?.close()
  }
}

/** Runs it, and reports what goes wrong before any host is reached as an outcome of the same form. */
async function saying(
  terminal: Terminal,
  facts: { readonly [key: string]: string },
  run: () => Promise<number>,
): Promise<number> {
  try {
    return await run()
  } catch (thrown) {
    terminal.report(outcomeOfFault(thrown, facts))
    return exitCodeOf(thrown)
  }
}
