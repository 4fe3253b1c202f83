import type { ChildProcess } from "node:child_process"
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { type Answer, encodeAnswer, type Verdict } from "../../src/knock/answer.ts"
import { Decider, type KnownSecret } from "../../src/knock/decide.ts"
import { deriveKeys } from "../../src/knock/keys.ts"
import type { Request } from "../../src/knock/request.ts"
import { type Authentic, createVerifier } from "../../src/knock/verify.ts"
import type { Host } from "../support/lab/lab.ts"

/** What the responder does about a knock that it accepted. */
export type Act = (request: Request) => Partial<Answer> & { verdict: Verdict }

/** Loss and the like: is this packet, counted from 0, heard at all? */
export type Hears = (packet: number) => boolean

const instant = (): { bootMs: number; wallMs: number } => ({ bootMs: performance.now(), wallMs: Date.now() })

/**
 * The answering side of fw-knock's tests: the real verification, decision and answer, on real packets, with a firewall that
 * is whatever `act` makes of it. Not the server: no session, no privileges, nothing is opened.
 */
export class Responder {
  /** Everything that came in echo requests, authentic or not, in order. */
  readonly heard: { readonly from: string; readonly data: Uint8Array }[] = []
  /** Knocks that were acted on. */
  readonly acted: Request[] = []
  act: Act
  hears: Hears = () => true
  readonly #known: KnownSecret
  readonly #decider: Decider
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, secret: Uint8Array, act: Act) {
    this.#child = child
    this.#known = { keys: deriveKeys(secret), kind: "standing" }
    this.#decider = new Decider({ challengeKey: randomBytes(32), bornWallMs: Date.now(), resumed: false })
    this.act = act
  }

  /** Starts on `host`'s interface and resolves when it hears. It ends with the lab. */
  static async start(host: Host, secret: Uint8Array, act: Act, device = "eth0"): Promise<Responder> {
    const script = join(import.meta.dirname, "responder.py")
    const child = host.start(["/usr/bin/python3", script, device], { stdin: "pipe" })
    const responder = new Responder(child, secret, act)
    const verify = createVerifier([responder.#known])
    await new Promise<void>((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`the responder ended with ${code}`)))
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
        if (line === "ready") return resolve()
        const [number = "", from = "", hex = ""] = line.split(" ")
        const data = new Uint8Array(Buffer.from(hex, "hex"))
        responder.heard.push({ from, data })
        if (!responder.hears(responder.heard.length - 1)) return
        const knock = verify(data)
        if (knock.ok) responder.#handle(number, knock.value)
      })
    })
    return responder
  }

  #handle(number: string, knock: Authentic<KnownSecret>): void {
    const decision = this.#decider.decide(knock, instant())
    if (decision.action === "ignore") return
    if (decision.action === "repeat") return this.#send(number, decision.answer)
    let words: Partial<Answer> & { verdict: Verdict }
    if (decision.action === "challenge") {
      words = { verdict: "challenge", challenge: decision.challenge }
    } else {
      this.acted.push(knock.request)
      words = this.act(knock.request)
    }
    const answer = encodeAnswer(this.#known.keys, {
      verb: knock.request.verb,
      verified: true,
      pinned: decision.pinned,
      stillDropping: 0,
      reLocks: 0,
      secondsLeft: 1800,
      serverTimeMs: Date.now(),
      challenge: undefined,
      requestMac: knock.requestMac,
      ...words,
    })
    this.#decider.answered(knock, answer, instant())
    this.#send(number, answer)
  }

  #send(number: string, answer: Uint8Array): void {
    this.#child.stdin?.write(`${number} ${Buffer.from(answer).toString("hex")}\n`)
  }
}
