import { randomBytes } from "node:crypto"
import { type Knocker, openKnocker } from "../../src/client/knocker.ts"
import { Fault } from "../../src/errors.ts"
import { type Answer, encodeAnswer, type Verdict } from "../../src/knock/answer.ts"
import { Decider, type KnownSecret } from "../../src/knock/decide.ts"
import { deriveKeys } from "../../src/knock/keys.ts"
import { createVerifier } from "../../src/knock/verify.ts"
import type { Heard, OutgoingPacket, Transmitter } from "../../src/transmit/transmitter.ts"
import { VirtualTime } from "../support/virtual-time.ts"

export interface Packet extends OutgoingPacket {
  readonly atMs: number
  readonly to: string
}

type Act = () => Partial<Answer> & { verdict: Verdict }

/** A wire without a network: what is sent is kept, and `deliver` says what becomes of it. */
export class Wire {
  readonly time = new VirtualTime()
  readonly packets: Packet[] = []
  readonly opened: (4 | 6)[] = []
  heard: Heard | undefined
  /** What the kernel says to a packet; undefined: taken. */
  kernel: (to: string) => string | undefined = () => undefined
  deliver: (packet: Packet) => void = () => {}
  closed = false

  readonly knocker: Knocker
  readonly #transmitter: Transmitter = {
    means: "raw",
    send: async (to, echo) => {
      const refusal = this.kernel(to)
      if (refusal !== undefined) return refusal
      const packet = { ...echo, to, atMs: this.time.bootMs() - 1000 }
      this.packets.push(packet)
      this.deliver(packet)
      return undefined
    },
    close: () => {},
  }

  constructor(options: { no6?: boolean; random?: (length: number) => Uint8Array } = {}) {
    this.knocker = openKnocker({
      clock: this.time,
      random: options.random ?? randomBytes,
      open: (heard) => {
        this.heard = heard
        return {
          of: async (family) => {
            if (family === 6 && options.no6) throw new Fault("missing", "cannot send over IPv6")
            if (!this.opened.includes(family)) this.opened.push(family)
            return this.#transmitter
          },
          close: () => {
            this.closed = true
          },
        }
      },
    })
  }

  /** A server that holds `secret` behind `address`, `delayMs` away; its answers come from `answersFrom`. */
  serve(
    secret: Uint8Array,
    act: Act,
    options: { address?: string; delayMs?: number; answersFrom?: string } = {},
  ) {
    const known: KnownSecret = { keys: deriveKeys(secret), kind: "standing" }
    const verify = createVerifier([known])
    const knocks = new Decider({
      challengeKey: randomBytes(32),
      bornWallMs: this.time.wallMs(),
      resumed: false,
    })
    const before = this.deliver
    const acted: { atMs: number; hard: boolean; oneWay: boolean }[] = []
    const now = () => ({ bootMs: this.time.bootMs(), wallMs: this.time.wallMs() })
    this.deliver = (packet) => {
      before(packet)
      if (options.address !== undefined && packet.to !== options.address) return
      this.time.after(options.delayMs ?? 5, () => {
        const knock = verify(packet.data)
        if (!knock.ok) return
        const decision = knocks.decide(knock.value, now())
        if (decision.action === "ignore") return
        let data = decision.action === "repeat" ? decision.answer : undefined
        if (data === undefined) {
          if (decision.action === "act")
            acted.push({ ...knock.value.request, atMs: this.time.bootMs() - 1000 })
          data = encodeAnswer(known.keys, {
            verb: knock.value.request.verb,
            verified: true,
            pinned: false,
            stillDropping: 0,
            reLocks: 0,
            secondsLeft: 60,
            serverTimeMs: this.time.wallMs(),
            challenge: undefined,
            requestMac: knock.value.requestMac,
            ...(decision.action === "challenge"
              ? { verdict: "challenge", challenge: decision.challenge }
              : act()),
          } as Answer)
          knocks.answered(knock.value, data, now())
        }
        const address = options.answersFrom ?? packet.to
        this.time.after(options.delayMs ?? 5, () => this.heard?.reply({ ...packet, address, data }))
      })
    }
    return acted
  }
}
