import { type Decoded, decoded, rejected } from "../wire/decoded.ts"
import { Reader } from "../wire/reader.ts"
import { Writer } from "../wire/writer.ts"
import { agree, type KnockKeys, mac } from "./keys.ts"
import {
  challengeBytes,
  isZero,
  messageBytes,
  protocolVersion,
  requestMacBytes,
  tagBytes,
} from "./request.ts"
import { readTimestamp, writeTimestamp } from "./timestamp.ts"
import { type Verb, verbOf, verbs } from "./verbs.ts"

/**
 * The answer, 128 bytes in the data of an echo reply, big endian:
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1   byte
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                           answer tag                          |     0
 *     |                                                               |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |    version    |      verb     |    verdict    |     flags     |     8
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |         still dropping        |            re-locks           |    12
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                          seconds left                         |    16
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                   server time, ms since 1970                  |    20
 *     |                                                               |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                       challenge, or zero                      |    28
 *     |                           (36 bytes)                          |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |              request MAC of the request answered              |    64
 *     |                           (32 bytes)                          |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                  answer MAC over bytes 0..95                  |    96
 *     |                           (32 bytes)                          |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Normative: native-notes/knock-protocol.md, section 5.
 */
export type Verdict =
  | "alive" // a probe, and nothing else was done
  | "opened"
  | "challenge" // not fresh: send again with this challenge
  | "dry-run" // would have acted
  | "open-failed" // the state is unknown
  | "nothing-to-do"
  | "refused" // this verb is not available now
  | "rolled-back"
  | "confirmed"
  | "rollback-failed"
  | "open-already" // to a reset that found nothing to change

/** The kinds of things, other than rules that drop, that can keep packets from a port although the firewall was opened. */
export type ObstacleKind = "routing" | "port-translation" | "xdp" | "traffic-control" | "reverse-path"

/** The obstacles that the server has seen behind an open, by kind. */
export interface SeenObstacles {
  readonly seen: readonly ObstacleKind[]
  /** Every kind was looked for: what is not among those seen is not there, as far as a server can see. */
  readonly complete: boolean
}

/** One answer, without what the keys add. */
export interface Answer {
  /** The request's verb. */
  readonly verb: Verb
  readonly verdict: Verdict
  /** With the verdicts of an open: the listing after the open is in, and `stillDropping` says something. */
  readonly verified: boolean
  /** There is a pin: a plain probe or reset acts with one packet as long as its client time fits (section 8). */
  readonly pinned: boolean
  /** Chains and rules that can still drop; 65 535 means that many or more. */
  readonly stillDropping: number
  /** Chains and rules that re-appeared after an open in this session; 65 535 means that many or more. */
  readonly reLocks: number
  /** Whole seconds until the session expires, rounded up. */
  readonly secondsLeft: number
  /** The server's wall clock when the answer was made, ms since 1970. */
  readonly serverTimeMs: number
  /** 36 bytes with verdict `challenge`, else undefined. */
  readonly challenge: Uint8Array | undefined
  /** With the verdicts of an open, verified; absent from a server that says nothing of it. */
  readonly obstacles?: SeenObstacles
  /** The last 32 bytes of the request that this answers. */
  readonly requestMac: Uint8Array
}

/** On the wire: native-notes/knock-protocol.md, section 5. A verdict without its code does not compile. */
const verdictCodes: Readonly<Record<Verdict, number>> = {
  alive: 1,
  opened: 2,
  challenge: 3,
  "dry-run": 4,
  "open-failed": 5,
  "nothing-to-do": 6,
  refused: 7,
  "rolled-back": 8,
  confirmed: 9,
  "rollback-failed": 10,
  "open-already": 11,
}
const verdictOf = new Map(Object.entries(verdictCodes).map(([verdict, code]) => [code, verdict as Verdict]))
const badLength = rejected("verify", "length")
const badTag = rejected("verify", "tag")
const badVersion = rejected("verify", "version")
const badMac = rejected("verify", "answer-mac")
const badVerb = rejected("knock", "verb")
const badVerdict = rejected("knock", "verdict")
const badFlags = rejected("knock", "flags")
const badTime = rejected("knock", "time")
const badChallenge = rejected("knock", "challenge")

const answerMacBytes = 32
const noChallenge = new Uint8Array(challengeBytes)
const verifiedFlag = 1
const pinnedFlag = 2
/** Every kind of obstacle was looked for. */
const completeFlag = 4
const obstacleFlags: Readonly<Record<ObstacleKind, number>> = {
  routing: 8,
  "port-translation": 16,
  xdp: 32,
  "traffic-control": 64,
  "reverse-path": 128,
}
const obstacleKinds = Object.keys(obstacleFlags) as readonly ObstacleKind[]
/** The flags that the first clients know. */
const firstFlags = verifiedFlag | pinnedFlag
const verdictAt = 10
const flagsAt = 11
const requestMacAt = 64

const tellsObstacles = (verdict: Verdict, verified: boolean): boolean =>
  verified && (verdict === "opened" || verdict === "open-failed" || verdict === "open-already")

const saturate = (value: number, most: number): number => Math.max(0, Math.min(most, Math.ceil(value)))

/** Makes the 128 bytes of an answer. Counts and seconds that do not fit are written as the most that does. */
export function encodeAnswer(keys: Pick<KnockKeys, "answerTag" | "answerKey">, answer: Answer): Uint8Array {
  if ((answer.verdict === "challenge") !== (answer.challenge !== undefined))
    throw new RangeError(`an answer of verdict ${answer.verdict} with the wrong challenge`)
  if (answer.obstacles !== undefined && !tellsObstacles(answer.verdict, answer.verified))
    throw new RangeError(`an answer of verdict ${answer.verdict} with obstacles`)
  const writer = new Writer(messageBytes)
  writer.bytes(keys.answerTag)
  writer.u8(protocolVersion)
  writer.u8(verbs[answer.verb].code)
  writer.u8(verdictCodes[answer.verdict])
  writer.u8(flagsOf(answer))
  writer.u16(saturate(answer.stillDropping, 0xffff))
  writer.u16(saturate(answer.reLocks, 0xffff))
  writer.u32(saturate(answer.secondsLeft, 0xffff_ffff))
  writeTimestamp(writer, answer.serverTimeMs)
  writer.bytes(answer.challenge ?? noChallenge)
  writer.bytes(answer.requestMac)
  writer.bytes(mac(keys.answerKey, writer.since(0), answerMacBytes))
  return writer.finish()
}

function flagsOf({ verified, pinned, obstacles }: Answer): number {
  const own = (verified ? verifiedFlag : 0) | (pinned ? pinnedFlag : 0)
  if (obstacles === undefined) return own
  const seen = obstacles.seen.reduce((flags, kind) => flags | obstacleFlags[kind], 0)
  return own | seen | (obstacles.complete ? completeFlag : 0)
}

/**
 * The same answer for the first clients, which refuse flags of obstacles and know of an open host only that it was opened.
 * @param bytes an answer of {@link encodeAnswer}
 * @returns undefined when they take it as it is
 */
export function forFirstClients(
  { answerKey }: Pick<KnockKeys, "answerKey">,
  bytes: Uint8Array,
): Uint8Array | undefined {
  const [verdict = 0, flags = 0] = bytes.subarray(verdictAt)
  const isLater = verdict === verdictCodes["open-already"]
  if (!isLater && (flags & ~firstFlags) === 0) return undefined
  const writer = new Writer(messageBytes)
  writer.bytes(bytes.subarray(0, verdictAt))
  writer.u8(isLater ? verdictCodes.opened : verdict)
  writer.u8(flags & firstFlags)
  writer.bytes(bytes.subarray(flagsAt + 1, messageBytes - answerMacBytes))
  writer.bytes(mac(answerKey, writer.since(0), answerMacBytes))
  return writer.finish()
}

/**
 * Verifies and reads an answer, as the client does with the data of every echo reply it gets. Whether it answers one of
 * its own requests is the caller's next question (exchange.ts).
 * @returns the answer, or a rejection of stage `verify` (length, tag, version, answer-mac) or, when whoever holds the
 * secret wrote what this version does not know, of stage `knock` (verb, verdict, flags, time, challenge). Never throws.
 */
export function decodeAnswer(
  keys: Pick<KnockKeys, "answerTag" | "answerKey">,
  bytes: Uint8Array,
): Decoded<Answer> {
  if (bytes.length !== messageBytes) return badLength
  const reader = new Reader(bytes)
  if (!agree(reader.take(tagBytes), keys.answerTag)) return badTag
  if (reader.u8() !== protocolVersion) return badVersion
  const expected = mac(keys.answerKey, bytes.subarray(0, messageBytes - answerMacBytes), answerMacBytes)
  if (!agree(bytes.subarray(messageBytes - answerMacBytes), expected)) return badMac
  const verb = verbOf(reader.u8())
  const verdict = verdictOf.get(reader.u8())
  const flags = reader.u8()
  const stillDropping = reader.u16()
  const reLocks = reader.u16()
  const secondsLeft = reader.u32()
  const serverTimeMs = readTimestamp(reader)
  const field = new Uint8Array(reader.take(challengeBytes))
  const challenge = isZero(field) ? undefined : field
  const requestMac = new Uint8Array(reader.take(requestMacBytes))
  if (verb === undefined) return badVerb
  if (verdict === undefined) return badVerdict
  const verified = (flags & verifiedFlag) !== 0
  const more = flags & ~firstFlags
  if (more !== 0 && !tellsObstacles(verdict, verified)) return badFlags
  if (serverTimeMs === undefined) return badTime
  if ((verdict === "challenge") !== (challenge !== undefined)) return badChallenge
  return decoded({
    verb,
    verdict,
    verified,
    pinned: (flags & pinnedFlag) !== 0,
    stillDropping,
    reLocks,
    secondsLeft,
    serverTimeMs,
    challenge,
    ...(more === 0 ? {} : { obstacles: obstaclesIn(more) }),
    requestMac,
  })
}

/** The MAC of the request that these 128 bytes could be an answer to, unverified, as a view. */
export function requestMacIn(answer: Uint8Array): Uint8Array {
  return answer.subarray(requestMacAt, requestMacAt + requestMacBytes)
}

function obstaclesIn(flags: number): SeenObstacles {
  const seen = obstacleKinds.filter((kind) => (flags & obstacleFlags[kind]) !== 0)
  return { seen, complete: (flags & completeFlag) !== 0 }
}
