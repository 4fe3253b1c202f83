import { type Decoded, decoded, rejected } from "../wire/decoded.ts"
import { Reader } from "../wire/reader.ts"
import { Writer } from "../wire/writer.ts"
import { type KnockKeys, mac } from "./keys.ts"
import { readTimestamp, writeTimestamp } from "./timestamp.ts"
import { type Verb, verbOf, verbs } from "./verbs.ts"

/**
 * The request, 128 bytes in the data of an echo request, big endian:
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1   byte
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                          request tag                          |     0
 *     |                                                               |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |    version    |      verb     |             flags             |     8
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                   client time, ms since 1970                  |    12
 *     |                                                               |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                             nonce                             |    20
 *     |                           (16 bytes)                          |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                       challenge, or zero                      |    36
 *     |                           (36 bytes)                          |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                         argument, zero                        |    72
 *     |                                                               |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                  screen MAC over bytes 0..79                  |    80
 *     |                           (16 bytes)                          |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                  request MAC over bytes 0..95                 |    96
 *     |                           (32 bytes)                          |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Normative: native-notes/knock-protocol.md, section 4.
 */
export const messageBytes = 128
export const tagBytes = 8
export const protocolVersion = 1
export const nonceBytes = 16
export const challengeBytes = 36
export const argumentBytes = 8
/** Bytes that the screen MAC covers; it stands behind them. */
export const screenedBytes = 80
export const screenMacBytes = 16
/** Bytes that the request MAC covers; the rest is that MAC. */
export const requestedBytes = 96
export const requestMacBytes = 32

/** One request, without what the keys add. */
export interface Request {
  readonly verb: Verb
  /** No answer may come back: act without a challenge, on the time alone (section 8). */
  readonly oneWay: boolean
  /** `--hard`; part of what is asked for. */
  readonly hard: boolean
  /** The client's wall clock when the request was made, ms since 1970, an integer 0..2^53-1. */
  readonly clientTimeMs: number
  /** 16 random bytes, new for every request; retransmissions of one request are byte for byte the same. */
  readonly nonce: Uint8Array
  /** 36 bytes from an answer, given back; undefined in a first request. */
  readonly challenge: Uint8Array | undefined
  /** 8 bytes that this version has no use for: zero, or it is rejected. */
  readonly argument: Uint8Array
}

/** The argument of every request of this version. */
const noArgument: Uint8Array = new Uint8Array(argumentBytes)

const badLength = rejected("knock", "length")
const badVerb = rejected("knock", "verb")
const badFlags = rejected("knock", "flags")
const badTime = rejected("knock", "time")
const badArgument = rejected("knock", "argument")

const noChallenge = new Uint8Array(challengeBytes)
const oneWayFlag = 1
const hardFlag = 2

/** A request to be made: without a challenge it is a first one. */
export type RequestToSend = Omit<Request, "challenge" | "argument"> &
  Partial<Pick<Request, "challenge" | "argument">>

/** Makes the 128 bytes of a request. */
export function encodeRequest(
  keys: Pick<KnockKeys, "requestTag" | "screenKey" | "requestKey">,
  request: RequestToSend,
): Uint8Array {
  const writer = new Writer(messageBytes)
  writer.bytes(keys.requestTag)
  writer.u8(protocolVersion)
  writer.u8(verbs[request.verb].code)
  writer.u16((request.oneWay ? oneWayFlag : 0) | (request.hard ? hardFlag : 0))
  writeTimestamp(writer, request.clientTimeMs)
  writer.bytes(request.nonce)
  writer.bytes(request.challenge ?? noChallenge)
  writer.bytes(request.argument ?? noArgument)
  writer.bytes(mac(keys.screenKey, writer.since(0), screenMacBytes))
  writer.bytes(mac(keys.requestKey, writer.since(0), requestMacBytes))
  return writer.finish()
}

/**
 * Reads the fields of a request whose tag, version and MACs have been checked (verify.ts). What is reserved has to be zero:
 * it was put there by somebody who holds the secret and wants something that this version does not know.
 * @param bytes exactly 128
 * @returns the request, or a rejection of stage `knock`: length, verb, flags, time, argument. Never throws.
 */
export function decodeRequest(bytes: Uint8Array): Decoded<Request> {
  if (bytes.length !== messageBytes) return badLength
  const reader = new Reader(bytes)
  reader.take(tagBytes)
  reader.u8()
  const verb = verbOf(reader.u8())
  const flags = reader.u16()
  const clientTimeMs = readTimestamp(reader)
  const nonce = new Uint8Array(reader.take(nonceBytes))
  const challenge = new Uint8Array(reader.take(challengeBytes))
  const argument = new Uint8Array(reader.take(argumentBytes))
  if (verb === undefined) return badVerb
  if ((flags & ~(oneWayFlag | hardFlag)) !== 0) return badFlags
  if (clientTimeMs === undefined) return badTime
  if (!isZero(argument)) return badArgument
  return decoded({
    verb,
    oneWay: (flags & oneWayFlag) !== 0,
    hard: (flags & hardFlag) !== 0,
    clientTimeMs,
    nonce,
    challenge: isZero(challenge) ? undefined : challenge,
    argument,
  })
}

/** True when all these bytes are zero: the field is not used. */
export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

/** The request MAC of an encoded request: what its answer refers to. */
export function requestMacOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.subarray(requestedBytes, messageBytes))
}
