import { type Decoded, decoded, rejected } from "../wire/decoded.ts"
import { agree, idOf, type KnockKeys, mac } from "./keys.ts"
import {
  decodeRequest,
  messageBytes,
  protocolVersion,
  type Request,
  requestedBytes,
  requestMacBytes,
  requestMacOf,
  tagBytes,
} from "./request.ts"
import { screenMacFits } from "./screen.ts"

/** A request that somebody made who holds the secret. When he made it is the next question (decide.ts). */
export interface Authentic<K> {
  /** The entry of the list given to `createVerifier` whose secret it was. */
  readonly key: K
  readonly request: Request
  /** The request MAC, which the answer repeats. */
  readonly requestMac: Uint8Array
}

/** The guard's verification of 128 bytes that its listener claims to have heard. */
export type Verify<K> = (bytes: Uint8Array) => Decoded<Authentic<K>>

const badLength = rejected("verify", "length")
const badTag = rejected("verify", "tag")
const badVersion = rejected("verify", "version")
const badScreenMac = rejected("verify", "screen-mac")
const badRequestMac = rejected("verify", "request-mac")

/**
 * Builds the guard's verification for these secrets. It repeats what the listener did and trusts nothing of it: a
 * listener that was taken over holds the screen keys.
 *
 * The function returned gives the authentic request, or a rejection of stage `verify` (length, tag, version, screen-mac,
 * request-mac) or of stage `knock` (verb, flags, time, argument). It never throws and computes at most two MACs.
 */
export function createVerifier<K extends { readonly keys: KnockKeys }>(known: readonly K[]): Verify<K> {
  const byId = new Map(known.map((key) => [key.keys.id, key]))
  return (bytes) => {
    if (bytes.length !== messageBytes) return badLength
    const key = byId.get(idOf(bytes))
    if (key === undefined) return badTag
    if (bytes[tagBytes] !== protocolVersion) return badVersion
    if (!screenMacFits(key.keys, bytes)) return badScreenMac
    if (!requestMacFits(key.keys, bytes)) return badRequestMac
    const request = decodeRequest(bytes)
    if (!request.ok) return request
    return decoded({ key, request: request.value, requestMac: requestMacOf(bytes) })
  }
}

function requestMacFits(keys: KnockKeys, bytes: Uint8Array): boolean {
  const expected = mac(keys.requestKey, bytes.subarray(0, requestedBytes), requestMacBytes)
  return agree(bytes.subarray(requestedBytes), expected)
}
