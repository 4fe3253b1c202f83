import { randomBytes } from "node:crypto"
import { deriveKeys } from "../knock/keys.ts"
import { encodeRequest } from "../knock/request.ts"
import { createScreen } from "../knock/screen.ts"
import { toLine } from "../pipe/messages.ts"
import { encodeFrame } from "../wire/frame.ts"
import { freshIpv4Header, protocolIcmp } from "../wire/ipv4.ts"
import type { LinkHeader, LinkType } from "../wire/link/link.ts"
import { Hearing } from "./packet-path.ts"

/** After so many V8 has compiled what it will compile; 50 ms here. */
export const warmUpRounds = 400
const slice = 20

/**
 * Goes the way of a knock from frame to message `rounds` times, with knocks under a secret that nobody has. A session may
 * see one packet in its life, and V8 interprets what it meets for the first time: several times slower than what it has
 * compiled. Goes in slices of a millisecond or two, since packets are being heard already.
 *
 * @param nextTurn calls `then` when the event loop has come round
 */
export function warmUpHearing(rounds: number, nextTurn: (then: () => void) => void): void {
  const keys = deriveKeys(new Uint8Array(randomBytes(16)))
  let nowMs = 0
  const hearing = new Hearing({
    screen: createScreen([keys]),
    takesCanary: () => false,
    holdsPlainText: () => false,
    isLocal: () => true,
    isAllowed: () => true,
    nowMs: () => nowMs,
    counts: () => true,
    send: (message) => toLine(message) !== "",
  })
  const turn = (from: number): void => {
    for (let round = from; round < Math.min(from + slice, rounds); round++) hearOne(round)
    if (from + slice < rounds) nextTurn(() => turn(from + slice))
  }
  const hearOne = (round: number): void => {
    nowMs += 1000
    const data = encodeRequest(keys, {
      verb: "reset",
      oneWay: false,
      hard: false,
      clientTimeMs: round,
      nonce: new Uint8Array(randomBytes(16)),
    })
    for (const [linkType, link] of links)
      hearing.hear(
        encodeFrame({
          link,
          ip: freshIpv4Header(Uint8Array.of(192, 0, 2, 2), Uint8Array.of(192, 0, 2, 1), protocolIcmp),
          echo: { kind: "request", identifier: round, sequence: 1, data, checksum: undefined },
          trailer: new Uint8Array(0),
        }),
        linkType === "linux-sll" ? "any" : "eth0",
        linkType,
      )
  }
  turn(0)
}

/** As `any` hears it first, and its copy as the interface does. */
const links: readonly (readonly [LinkType, LinkHeader])[] = [
  [
    "linux-sll",
    {
      type: "linux-sll",
      packetType: 0,
      arphrd: 1,
      addressLength: 6,
      address: new Uint8Array(8),
      ifindex: 0,
      reserved: 0,
      vlanTags: [],
      etherType: 0x0800,
    },
  ],
  [
    "ethernet",
    {
      type: "ethernet",
      destination: Uint8Array.of(2, 0, 0, 0, 0, 1),
      source: Uint8Array.of(2, 0, 0, 0, 0, 2),
      vlanTags: [],
      etherType: 0x0800,
    },
  ],
]
