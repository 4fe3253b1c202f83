import type { Carrier } from "../../client/paths.ts"
import { Fault } from "../../errors.ts"
import { plainBytes } from "../../knock/plain-text.ts"
import { type Verb, verbs, verbsThat } from "../../knock/verbs.ts"
import { isGroupWord } from "../../secrets/fleet/group-name.ts"
import { canonicalHost } from "../../secrets/host-name.ts"
import { parseTarget } from "../../secrets/target.ts"
import { parseDuration } from "../terminal/duration.ts"
import { parsePort } from "../terminal/tcp-port.ts"
import { parseRoad } from "./carriers.ts"
import type { FleetOptionTexts } from "./fleet/options.ts"

/** The options of `fw-knock VERB HOST...` as commander hands them over: text, unchecked. */
export interface KnockOptionTexts extends FleetOptionTexts {
  readonly hard?: boolean
  readonly secretFile?: string
  readonly plain?: string
  readonly wait: string
  readonly oneWay?: boolean
  /** False with --no-check. */
  readonly check?: string | false
  readonly road?: string
  readonly via?: string
  readonly ssh?: string
  readonly ipv4?: boolean
  readonly ipv6?: boolean
  readonly json?: boolean
  readonly first?: string
  readonly maxFail?: string
  readonly failed?: string
  readonly rate?: string
}

/** The same, checked and typed. Nothing of the machine has been looked at yet. */
export interface KnockOptions {
  readonly verb: Verb
  /** As typed, each host once. */
  readonly hosts: readonly string[]
  readonly hard: boolean
  /** A path, or `-` for standard input. */
  readonly secretFile: string | undefined
  /** The bare text's bytes. */
  readonly plain: Uint8Array | undefined
  readonly waitMs: number
  readonly oneWay: boolean
  /** The TCP port to look at; undefined for the ssh port of each host, false with --no-check. */
  readonly check: number | false | undefined
  /** The only road to take; undefined: echo requests, and segments to the ssh port where those are silent. */
  readonly road: Carrier | undefined
  /** Jump hosts as ProxyJump has them, or `none`; undefined: those of the host's record. */
  readonly via: string | undefined
  /** The ssh to use for jump hosts, as text. */
  readonly ssh: string
  readonly family: 4 | 6 | undefined
  readonly json: boolean
  /** So many hosts are knocked at first, and the others when these have ended; undefined: all at once. */
  readonly first: number | undefined
  /** When more hosts than these have failed, no other is begun; any number unless told, none with `first`. */
  readonly maxFail: number
  /** The hosts that failed go into this file. */
  readonly failedFile: string | undefined
  /** Hosts that are begun with a second, at most; undefined: as many as this machine can handle. */
  readonly rate: number | undefined
}

/** No command has more. */
const mostHosts = 1_000_000

const waitBounds = { min: 100, max: 600_000 }

/**
 * Checks what was typed, before secrets, names or sockets are looked at.
 * @throws Fault `usage` naming the option, the value and what was wanted
 */
export function checkKnockOptions(
  verb: Verb,
  hosts: readonly string[],
  texts: KnockOptionTexts,
): KnockOptions {
  const { hard = false, oneWay = false, plain, secretFile } = texts
  const opening = verbsThat(({ opens }) => opens)
  const { opens, needsChallenge, needsConnection } = verbs[verb]
  if (hard && !opens) throw new Fault("usage", `--hard goes with ${opening}, not with ${verb}`)
  if (oneWay && needsChallenge)
    throw new Fault(
      "usage",
      `--one-way goes with ${verbsThat((one) => !one.needsChallenge)}: the server takes ${verb} only after a challenge`,
    )
  if (plain !== undefined && !opens)
    throw new Fault(
      "usage",
      `--plain goes with ${opening}: a bare text can ask for nothing else, not for ${verb}`,
    )
  if (plain !== undefined && texts.road !== undefined && texts.road !== "icmp")
    throw new Fault("usage", "--plain goes without --road: a bare text is heard in echo requests only")
  if (plain !== undefined && (hard || oneWay || secretFile !== undefined))
    throw new Fault(
      "usage",
      "--plain goes without --hard, --one-way and --secret-file: a bare text carries nothing",
    )
  if (needsConnection && texts.check === false)
    throw new Fault(
      "usage",
      `${verb} cannot go without --check: a new TCP connection is what it confirms with`,
    )
  if (texts.ipv4 && texts.ipv6)
    throw new Fault("usage", "-4 and -6 exclude each other", { hint: "without both, both are tried" })
  return {
    verb,
    hosts: onceEach(hosts),
    hard,
    secretFile,
    plain: plain === undefined ? undefined : plainBytes(plain),
    waitMs: parseDuration(texts.wait, "--wait", waitBounds),
    oneWay,
    check: texts.check === undefined || texts.check === false ? texts.check : parsePort(texts.check),
    road: texts.road === undefined ? undefined : parseRoad(texts.road),
    via: texts.via,
    ssh: texts.ssh ?? "ssh",
    family: texts.ipv4 ? 4 : texts.ipv6 ? 6 : undefined,
    json: texts.json ?? false,
    first: count(texts.first, "--first", 1),
    maxFail: count(texts.maxFail, "--max-fail", 0) ?? (texts.first === undefined ? mostHosts : 0),
    failedFile: texts.failed,
    rate: count(texts.rate, "--rate", 1),
  }
}

function count(text: string | undefined, option: string, least: number): number | undefined {
  if (text === undefined) return undefined
  const number = /^[0-9]{1,7}$/.test(text) ? Number(text) : Number.NaN
  if (number >= least && number <= mostHosts) return number
  throw new Fault("usage", `${option} "${text}" is no number from ${least} to ${mostHosts}`)
}

/** Each host once, by its name and port; so each group. @throws Fault `usage` for what is no host */
export function onceEach(hosts: readonly string[]): string[] {
  const seen = new Set<string>()
  return hosts.filter((host) => {
    if (isGroupWord(host)) return !seen.has(host) && seen.add(host)
    const target = parseTarget(host)
    const way = `${canonicalHost(target.host)} ${target.port ?? ""}`
    if (seen.has(way)) return false
    seen.add(way)
    return true
  })
}
