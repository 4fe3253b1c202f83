import { type Decoded, decoded, rejected } from "../wire/decoded.ts"
import { agree, idOf, type KnockKeys, mac } from "./keys.ts"
import { messageBytes, screenedBytes, screenMacBytes } from "./request.ts"

/** The part of one secret that the listener holds: enough to tell a knock from noise, not enough to make one. */
export interface ScreenKey extends Pick<KnockKeys, "requestTag" | "screenKey"> {
  /** The answer of the screen for this secret; any text. */
  readonly id: string
}

/** The listener's look at the data of an echo request, before the guard hears of it. */
export interface Screen {
  /**
   * Tells whether this is a knock for one of the secrets, as far as the screen key shows it.
   * @param data an echo request's data, of any length
   * @returns the secret's id, or a rejection of stage `screen`: length, tag, screen-mac. Never throws. At most one MAC is
   * computed, whatever the bytes and however many secrets there are.
   */
  check(data: Uint8Array): Decoded<string>
}

const badLength = rejected("screen", "length")
const badTag = rejected("screen", "tag")
const badMac = rejected("screen", "screen-mac")

/** Builds the screen for these secrets; tags are unique because secrets are. */
export function createScreen(keys: readonly ScreenKey[]): Screen {
  const byTag = new Map(keys.map((key) => [idOf(key.requestTag), key]))
  return {
    check(data) {
      if (data.length !== messageBytes) return badLength
      const key = byTag.get(idOf(data))
      if (key === undefined) return badTag
      if (!screenMacFits(key, data)) return badMac
      return decoded(key.id)
    },
  }
}

/** True when the screen MAC of these 128 bytes fits. Compared in constant time. */
export function screenMacFits(key: Pick<KnockKeys, "screenKey">, data: Uint8Array): boolean {
  const expected = mac(key.screenKey, data.subarray(0, screenedBytes), screenMacBytes)
  return agree(data.subarray(screenedBytes, screenedBytes + screenMacBytes), expected)
}
