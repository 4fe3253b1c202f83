import { isIP, isIPv6 } from "node:net"
import { resolve } from "node:path"
import type { Command } from "commander"
import { Fault } from "../../errors.ts"
import type { ArmedBy, ArmedSecret, SessionConfiguration } from "../../guard/machine/configuration.ts"
import { plainBytes } from "../../knock/plain-text.ts"
import { isSecretName } from "../../secrets/secret-file.ts"
import { knockPorts, mostKnockPorts } from "../../system/network/login-ports.ts"
import { parseDuration } from "../terminal/duration.ts"

/** The options of `fw-watchdog arm` as commander hands them over: text, unchecked. */
export interface ArmOptionTexts {
  readonly timeout: string
  readonly onExpiry: string
  readonly openFor?: string
  readonly scope: string
  readonly secretFile?: string
  readonly plain?: string
  readonly interface?: readonly string[]
  readonly from?: readonly string[]
  readonly road?: readonly string[]
  readonly detach?: boolean
  readonly dryRun?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
  readonly json?: boolean
  readonly agree?: string
  readonly name?: string
  readonly join?: boolean
  readonly replay?: string
}

/** The options of a session, for whatever program arms one. */
export function addArmOptions(command: Command): Command {
  const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value]
  command
    .optionsGroup("The session:")
    .option("--timeout <DURATION>", "its length, 10s to 7d", "30m")
    .option("--on-expiry <ACTION>", "disarm | reset | rollback", "disarm")
    .option("--open-for <DURATION>", "go back to the old rules so long after an open")
    .option("--scope <WHAT>", "what an open covers: all | filter", "all")
    .option("--dry-run", "do everything but touch the firewall")
    .optionsGroup("What it hears:")
    .option("--secret-file <FILE>", "standing secrets; else a one-time secret is shown")
    .option("--plain <TEXT>", "this bare text in any ping too: unauthenticated!")
    .option("--interface <NAME>", "on this interface only; repeatable", collect)
    .option("--from <CIDR>", "from these sources only; repeatable", collect)
    .option("--road <ROAD>", "and tcp/PORT, repeatable; none (default: sshd's ports)", collect)
    .optionsGroup("How it runs:")
    .option("--detach", "arm, report, and return")
    .option("--quiet", "do not write to the terminals of logged-in users")
    .option("--verbose", "also tell the filter, and a line without fw-knock")
    .option("--json", "one JSON object a line on standard output")
  const hidden: readonly (readonly [string, string])[] = [
    ["--replay <FILE>", "decode and verify the frames of a pcap savefile"],
    ["--agree <PUBLIC>", "agree on a secret with fw-knock, which gives these three"],
    ["--name <NAME>", "whose secret that is"],
    ["--join", "add it to the session that is armed, if one is"],
  ]
  for (const [flags, help] of hidden) command.addOption(command.createOption(flags, help).hideHelp())
  return command.allowExcessArguments(false)
}

/** The same, checked and typed. Nothing of the machine has been looked at yet. */
export interface ArmOptions {
  readonly timeoutMs: number
  readonly onExpiry: "disarm" | "reset" | "rollback"
  /** 0 for never. */
  readonly openForMs: number
  readonly scope: "all" | "filter"
  readonly secretFile: string | undefined
  readonly plain: string
  readonly devices: readonly string[]
  readonly from: readonly string[]
  /** The TCP ports of `--road`; undefined where nothing was said. */
  readonly tcpPorts: readonly number[] | undefined
  readonly detach: boolean
  readonly dryRun: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  readonly json: boolean
  /** The part that `fw-knock arm` on a workstation asks for. */
  readonly agree: AgreeOptions | undefined
  readonly replay: string | undefined
}

/** A secret that is agreed on with a workstation. */
export interface AgreeOptions {
  /** The workstation's public value (secrets/agreement.ts). */
  readonly publicValue: string
  /** Whose secret it is. */
  readonly name: string
  /** A session that is armed already takes the secret. */
  readonly join: boolean
}

const timeoutBounds = { min: 10_000, max: 7 * 86_400_000 }
const openForBounds = { min: 5_000, max: 7 * 86_400_000 }

/**
 * Checks what was typed, before privileges, files or interfaces are looked at.
 * @throws Fault `usage` naming the option, the value and what was wanted.
 */
export function checkArmOptions(texts: ArmOptionTexts): ArmOptions {
  const onExpiry = oneOf("--on-expiry", texts.onExpiry, ["disarm", "reset", "rollback"])
  const scope = oneOf("--scope", texts.scope, ["all", "filter"])
  if (texts.plain !== undefined) plainBytes(texts.plain)
  return {
    timeoutMs: parseDuration(texts.timeout, "--timeout", timeoutBounds),
    onExpiry,
    openForMs: texts.openFor === undefined ? 0 : parseDuration(texts.openFor, "--open-for", openForBounds),
    scope,
    secretFile: texts.secretFile,
    plain: texts.plain ?? "",
    devices: [...new Set(texts.interface ?? [])],
    from: (texts.from ?? []).map(checkCidr),
    tcpPorts: texts.road === undefined ? undefined : checkRoads(texts.road),
    detach: texts.detach ?? false,
    dryRun: texts.dryRun ?? false,
    quiet: texts.quiet ?? false,
    verbose: texts.verbose ?? false,
    json: texts.json ?? false,
    agree: agreeOptions(texts),
    replay: texts.replay,
  }
}

/** @throws Fault `usage` */
function agreeOptions({ agree, name, join = false, detach }: ArmOptionTexts): AgreeOptions | undefined {
  if (agree === undefined) {
    if (name === undefined && !join) return undefined
    throw new Fault("usage", "--name and --join go with --agree", {
      hint: "`fw-knock arm HOST` gives all three",
    })
  }
  if (name === undefined || !isSecretName(name))
    throw new Fault("usage", "--agree wants --name NAME: 1 to 32 letters, digits, or . _ @ -")
  if (detach !== true) throw new Fault("usage", "--agree wants --detach")
  return { publicValue: agree, name, join }
}

function oneOf<Word extends string>(option: string, text: string, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === text)
  if (word !== undefined) return word
  throw new Fault("usage", `${option} "${text}" is not known: ${words.join(" or ")} is wanted`)
}

/**
 * Reads one CIDR, RFC 4632 or RFC 4291 2.3: `192.0.2.0/24`, `2001:db8::/32`, or a bare address for itself alone.
 * @throws Fault `usage`
 */
export function checkCidr(text: string): string {
  const [address = "", prefix, ...rest] = text.split("/")
  const widest = isIPv6(address) ? 128 : 32
  const bits = prefix === undefined ? widest : /^[0-9]{1,3}$/.test(prefix) ? Number(prefix) : -1
  if (isIP(address) === 0 || address.includes("%") || rest.length > 0 || bits < 0 || bits > widest)
    throw new Fault(
      "usage",
      `--from "${text}" is not an address or CIDR: 192.0.2.0/24 or 2001:db8::/32 is wanted`,
    )
  return `${address}/${bits}`
}

/**
 * Reads the values of `--road`: `tcp/PORT`, four at most, or `none` alone.
 * @throws Fault `usage`
 */
export function checkRoads(texts: readonly string[]): readonly number[] {
  if (texts.length === 1 && texts[0] === "none") return []
  const ports = texts.map((text) => Number(/^tcp\/([1-9][0-9]{0,4})$/.exec(text)?.[1] ?? 0))
  const wrong = texts.find((_, at) => ports[at] === 0 || (ports[at] ?? 0) > 0xffff)
  if (wrong !== undefined)
    throw new Fault("usage", `--road "${wrong}" is not known: tcp/PORT, or none alone, is wanted`)
  const different = [...new Set(ports)]
  if (different.length > mostKnockPorts)
    throw new Fault(
      "usage",
      `--road was given for ${different.length} ports: at most ${mostKnockPorts} are heard`,
    )
  return different
}

/** The configuration of a session, from options that were checked. */
export function configurationOf(
  options: ArmOptions,
  secrets: readonly ArmedSecret[],
  armedBy: ArmedBy,
): SessionConfiguration {
  return {
    timeoutMs: options.timeoutMs,
    onExpiry: options.onExpiry,
    openForMs: options.openForMs,
    scope: options.scope,
    secrets,
    secretFile: options.secretFile === undefined ? "" : resolve(options.secretFile),
    plain: options.plain,
    devices: options.devices,
    from: options.from,
    tcpPorts: options.tcpPorts ?? knockPorts(),
    dryRun: options.dryRun,
    quiet: options.quiet,
    armedBy,
  }
}
