import { Receiver } from "../../../src/guard/knocks/receiver.ts"
import { plainestSession, type SessionConfiguration } from "../../../src/guard/machine/configuration.ts"
import type { Effect } from "../../../src/guard/machine/effect.ts"
import type { ChangeOrder, CommandEvent, SessionEvent } from "../../../src/guard/machine/event.ts"
import { secondsLeft, stillDropping } from "../../../src/guard/machine/record.ts"
import { statusOf } from "../../../src/guard/machine/status.ts"
import type { step } from "../../../src/guard/machine/step.ts"
import { decodeAnswer, type Verdict } from "../../../src/knock/answer.ts"
import { deriveKeys } from "../../../src/knock/keys.ts"
import { encodeRequest } from "../../../src/knock/request.ts"
import type { Verb } from "../../../src/knock/verbs.ts"
import type { Connection } from "../../../src/wire/tcp-connection.ts"
import { Random } from "./random.ts"
import { type Fate, live, World } from "./world.ts"

const secret = new Uint8Array(16).fill(7)
const keys = deriveKeys(secret)
const newConnection: Connection = {
  localAddress: "192.0.2.1",
  localPort: 22,
  remoteAddress: "192.0.2.2",
  remotePort: 50_001,
  inode: 1,
}
const verbs: readonly [Verb, ...Verb[]] = ["probe", "reset", "reset", "rollback", "confirm", "confirm"]

/** A request as its client made it, which the network may deliver again and again. */
interface Sent {
  readonly nonce: number
  readonly verb: Verb
  readonly hard: boolean
  readonly bytes: Uint8Array
}

/**
 * One history of a session, from its arming to its end: random knocks, commands, expiries, changes, confirmations, failing,
 * slow and hanging effects, and kills at every point with a resume behind. Throws at the first promise that is not kept.
 */
export function runHistory(seed: number, mutated?: typeof step): World {
  const random = new Random(seed)
  const configuration: SessionConfiguration = {
    ...plainestSession,
    timeoutMs: 30_000 + random.below(120_000),
    onExpiry: random.pick(["disarm", "reset", "rollback"]),
    openForMs: random.chance(0.5) ? 5000 + random.below(20_000) : 0,
    secrets: [{ host: "", name: "", kind: "standing", secret: Buffer.from(secret).toString("hex") }],
    plain: "reset-iptables",
  }
  // Some histories are all smooth, so that every promise is also looked at where nothing fails.
  const trouble = random.pick([0, 0.1, 0.35])
  const fate = (effect: Effect): Fate => {
    if (random.chance(trouble * 0.1)) return { takesMs: Number.POSITIVE_INFINITY, end: "works" }
    const takesMs = random.pick([1, 1, 50, 400, 3000])
    if (!random.chance(trouble)) return { takesMs, end: "works" }
    if (effect.type === "keep") return { takesMs, end: random.pick(["fails", "memory-only"]) }
    return { takesMs, end: random.pick(["fails", "half"]) }
  }
  const world = new World(configuration, fate, mutated)
  return new History(world, random, trouble).run()
}

/** What a history has seen that the promises speak of. */
class History {
  readonly #world: World
  readonly #random: Random
  readonly #trouble: number
  #receiver: Receiver
  readonly #sent: Sent[] = []
  #nonces = 0
  #knocks = 0
  #asks = 0
  /** The nonce of each knock that acted, and what it was answered. */
  readonly #acted = new Map<number, Sent & { readonly verdicts: string[]; readonly life: number }>()
  readonly #lastAnswer = new Map<number, Uint8Array>()
  #challenges: { readonly verb: Verb; readonly hard: boolean; readonly challenge: Uint8Array }[] = []
  #life = 0
  /** Changes by what became of them, as clients and the log were told; one that needs no confirmation has it. */
  readonly #changes = new Map<string, { readonly withinMs: number; confirmed: boolean; ended: boolean }>()
  /** The newest task that was ever on the list. */
  #newest: { readonly id: number; readonly kind: "open" | "restore" } = { id: 0, kind: "restore" }
  /** The newest task when somebody else wrote rules: it says nothing of what is in force since. */
  #othersAt = -1
  /** An open owes a rollback, and nothing has paid it or said that it could not. */
  #owes = false
  #over = false
  /** Changes that were over when an undo put their rules back. */
  readonly #onPurpose = new Set<string>()
  /** Changes that were put in force, or nearly. */
  readonly #begun = new Set<string>()
  /** Those that a rollback to the rules of arming has put an end to. */
  readonly #older = new Set<string>()
  /** The changes beside which what is in force has been looked at, and the rules that were seen. */
  readonly #seen = new Map<string, string | undefined>()
  /** The change that each running revert takes back, by its task. */
  readonly #reverts = new Map<number, string>()
  /** Kills, or a disk that refuses: where nothing can be written down a killed guard may forget, and has said so. */
  readonly #kills: boolean

  constructor(world: World, random: Random, trouble: number) {
    this.#world = world
    this.#random = random
    this.#trouble = trouble
    this.#kills = random.chance(0.6)
    this.#receiver = this.#newReceiver()
    world.onEffect = (effect) => this.#sees(effect)
    world.onEvent = (event) => {
      this.#restored(event)
      const { state, rules } = world.kernel
      if (event.type === "compared") this.#seen.set(event.id, state === "shut" ? rules : undefined)
      if (event.type === "not-compared") this.#seen.set(event.id, undefined)
    }
    world.onStep = () => {
      const task = world.record.tasks.at(-1)
      if (task !== undefined && task.id > this.#newest.id) this.#newest = task
    }
  }

  #newReceiver(): Receiver {
    const { record } = this.#world
    return new Receiver({
      clock: {
        wallMs: () => 1_700_000_000_000 + this.#world.nowMs,
        bootMs: () => this.#world.nowMs,
        after: () => ({ cancel: () => {} }),
        every: () => ({ cancel: () => {} }),
      },
      secrets: record.configuration.secrets,
      plain: record.configuration.plain,
      bornWallMs: record.bornWallMs,
      resumed: record.resumed,
      rejections: { add: () => {} },
      nonceCapacity: 64,
    })
  }

  run(): World {
    const world = this.#world
    const random = this.#random
    world.begin()
    const acts = 3 + random.below(15)
    for (let act = 0; act < acts && !this.#over; act += 1) {
      if (this.#kills && random.chance(0.15)) world.killIn = random.below(8)
      this.#act()
      world.pass(random.pick([0, 1, 20, 500, 4000, 30_000]))
      this.#resumeWhenKilled()
      this.#looks()
    }
    // To its end, and beyond.
    world.writes = true
    for (let wait = 0; wait < 40 && !this.#over; wait += 1) {
      world.pass(600_000)
      this.#resumeWhenKilled()
      this.#looks()
    }
    if (!this.#over) this.#breaks("the session never ends")
    this.#looksAtEnd()
    return world
  }

  #resumeWhenKilled(): void {
    const world = this.#world
    if (world.alive || this.#over) return
    world.pass(this.#random.pick([0, 100, 5000]))
    this.#life += 1
    this.#challenges = []
    this.#newest = { id: 0, kind: "restore" } // another guard numbers anew
    this.#reverts.clear()
    this.#othersAt = -1
    world.resume()
    this.#receiver = this.#newReceiver()
    this.#resumeWhenKilled() // killIn is gone, so this ends
  }

  #act(): void {
    const random = this.#random
    const world = this.#world
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return this.#knock()
      case 4:
        if (this.#receiver.plain()) world.feed({ type: "plain", source: "192.0.2.2", device: "any" })
        return
      case 5:
        return this.#command({ command: "undo" })
      case 6:
        return this.#command({ command: "extend", byMs: 10_000 })
      case 7:
        return random.chance(0.2) ? this.#command({ command: "disarm", by: "somebody" }) : undefined
      case 8:
      case 9:
        return this.#apply()
      case 10:
        return random.chance(0.5)
          ? this.#command({ command: "rollback", by: "somebody" })
          : this.#command({
              command: "confirm",
              login: { kind: "ssh", keys: ["new"] },
              connections: [newConnection],
            })
      case 11:
        if (this.#trouble === 0) return
        if (random.chance(0.5)) {
          // Another writer, whose rules nobody here knows.
          world.history.push(`${world.nowMs} somebody else writes rules`)
          world.kernel = { rules: `others ${world.nowMs}`, state: "shut" }
          this.#othersAt = this.#newest.id
        } else if (!this.#kills) world.writes = !world.writes
        return
    }
  }

  #knock(): void {
    const random = this.#random
    const again = this.#sent[random.below(this.#sent.length * 3)]
    const challenged = random.chance(0.7) ? this.#challenges.shift() : undefined
    const sent =
      again ??
      this.#request(
        challenged ?? { verb: random.pick(verbs), hard: random.chance(0.1), challenge: undefined },
      )
    const world = this.#world
    const state = {
      stillDropping: stillDropping(world.record).length,
      reLocks: world.record.watch.reLocks,
      secondsLeft: secondsLeft(world.record, world.nowMs),
    }
    if (world.record.ending !== undefined || world.record.endsAtMs <= world.nowMs) return
    const data = Buffer.from(sent.bytes).toString("hex")
    const [source, destination] = ["192.0.2.2", "192.0.2.1"]
    const fresh = this.#receiver.knock(
      {
        type: "knock",
        ref: 0,
        data,
        source,
        destination,
        device: "any",
        ...{ flow: "first", carrier: "echo", port: 0 },
      },
      (answer) => this.#answered(sent, answer),
      state,
    )
    if (fresh === undefined) return
    if (this.#acted.has(sent.nonce)) this.#breaks(`nonce ${sent.nonce} acts twice`)
    this.#knocks += 1
    const knock = this.#knocks
    this.#acted.set(sent.nonce, { ...sent, verdicts: [], life: this.#life })
    this.#replies.set(knock, (verdict, verified) =>
      this.#receiver.answer(fresh, verdict, state, { verified }),
    )
    world.feed({
      ...{ type: "knock", knock, verb: sent.verb, hard: sent.hard, source, device: "any", road: "icmp" },
      ...{ host: "", name: "", fromHere: false, connections: [newConnection] },
    })
  }

  readonly #replies = new Map<number, (verdict: Verdict, verified: boolean) => void>()

  #request({
    verb,
    hard,
    challenge,
  }: {
    verb: Verb
    hard: boolean
    challenge: Uint8Array | undefined
  }): Sent {
    this.#nonces += 1
    const nonce = new Uint8Array(16)
    new DataView(nonce.buffer).setUint32(0, this.#nonces)
    const oneWay =
      challenge === undefined && (verb === "reset" || verb === "probe") && this.#random.chance(0.4)
    const bytes = encodeRequest(keys, {
      ...{ verb, hard: hard && verb === "reset", oneWay, nonce },
      clientTimeMs: 1_700_000_000_000 + this.#world.nowMs,
      ...(challenge === undefined ? {} : { challenge }),
    })
    const sent = { nonce: this.#nonces, verb, hard: hard && verb === "reset", bytes }
    this.#sent.push(sent)
    return sent
  }

  /** The client's side of an answer. */
  #answered(sent: Sent, bytes: Uint8Array): void {
    const answer = decodeAnswer(keys, bytes)
    if (!answer.ok) return this.#breaks("an answer that cannot be read")
    const { verdict, verified, challenge } = answer.value
    this.#lastAnswer.set(sent.nonce, bytes)
    if (verdict === "challenge") {
      if (challenge !== undefined) this.#challenges.push({ verb: sent.verb, hard: sent.hard, challenge })
      return
    }
    const acted = this.#acted.get(sent.nonce)
    if (acted === undefined) return this.#breaks(`an answer ${verdict} to a knock that did not act`)
    const said = `${verdict} ${verified}`
    // The copy for the first clients.
    if (said === "opened true" && acted.verdicts.at(-1) === "open-already true") return
    if (acted.verdicts.at(-1) !== said) acted.verdicts.push(said)
    const wanted: Record<Verb, readonly (readonly string[])[]> = {
      probe: [["alive false"]],
      reset: [
        ["opened false"],
        ["open-failed false"],
        ["opened false", "opened true"],
        ["opened false", "open-already true"],
        ["opened false", "open-failed true"],
        ["open-failed false", "opened true"],
        ["open-failed false", "open-failed true"],
      ],
      rollback: [["rolled-back true"], ["rollback-failed true"], ["nothing-to-do true"]],
      confirm: [["confirmed false"], ["refused false"], ["nothing-to-do false"]],
    }
    if (!wanted[sent.verb].some((good) => good.join() === acted.verdicts.join()))
      this.#breaks(`a ${sent.verb} is answered ${acted.verdicts.join(", then ")}`)
  }

  #apply(): void {
    const { id, order } = this.#newOrder()
    this.#changes.set(id, { withinMs: order.withinMs, confirmed: false, ended: false })
    this.#command({ command: "apply", order })
  }

  #newOrder(): { id: string; order: ChangeOrder } {
    const id = `c${this.#changes.size}`
    const order: ChangeOrder = {
      ...{ id, candidate: "", rehearsed: "", user: "ada" },
      withinMs: this.#random.pick([0, 5000, 20_000]),
      force: this.#random.chance(0.2),
      save: false,
      sshPort: 22,
      client: "192.0.2.2",
    }
    return { id, order }
  }

  #command(
    command: CommandEvent extends infer One
      ? One extends CommandEvent
        ? Omit<One, "type" | "ask">
        : never
      : never,
  ): void {
    this.#asks += 1
    this.#world.feed({ type: "command", ask: this.#asks, ...command } as CommandEvent)
  }

  #sees(effect: Effect): void {
    if (this.#over) this.#breaks(`${effect.type} after the end`)
    const world = this.#world
    switch (effect.type) {
      case "commit":
        if (world.record.configuration.openForMs > 0 && world.record.ending === undefined) this.#owes = true
        return
      case "answer":
        if (effect.verdict === "confirmed") this.#confirmed()
        this.#replies.get(effect.knock)?.(effect.verdict, effect.verified)
        return
      case "reply":
        if (world.replies.has(effect.ask)) this.#breaks(`command ${effect.ask} is replied to twice`)
        if (effect.outcome.event === "confirmed") this.#confirmed()
        return
      case "write": {
        // What is written down as confirmed stays from here on, whoever has been told; and so does what needs no confirmation.
        const { lastChange } = world.record
        const change = this.#changes.get(lastChange?.id ?? "")
        const event = lastChange?.outcome.event
        if (change !== undefined && (event === "confirmed" || (event === "applied" && change.withinMs === 0)))
          change.confirmed = true
        return
      }
      case "apply":
        this.#begun.add(effect.id)
        return
      case "restore": {
        const task = world.record.tasks.find(({ id }) => id === effect.task)
        if (task?.kind === "restore" && task.to === "before-change")
          this.#reverts.set(effect.task, world.record.change?.id ?? "")
        // An undo to before an open puts back what was in force then, whatever became of it since.
        const id = /^change (c\d+)$/.exec(world.rulesOf(effect.snapshot) ?? "")?.[1] ?? ""
        if (this.#changes.get(id)?.ended === true) this.#onPurpose.add(id)
        return
      }
      case "emit":
        return this.#hears(effect.outcome)
      case "end":
        this.#over = true
        return
    }
  }

  /** The kernel has other rules. Those of an undo or a rollback pay, if no open was asked for since. */
  #restored(event: SessionEvent): void {
    if (event.type !== "restored" || event.report === undefined) return
    const { tasks } = this.#world.record
    const task = tasks.find(({ id }) => id === event.task)
    const works = event.report.end === "restored" || event.report.end === "nothing-to-do"
    if (works && task?.kind === "restore" && task.to === "arming")
      for (const id of this.#begun) this.#older.add(id)
    const reverts = works ? this.#reverts.get(event.task) : undefined
    if (reverts !== undefined && this.#older.has(reverts))
      this.#breaks(`change ${reverts} reverts behind a rollback to older rules`)
    const reverted = this.#changes.get(reverts ?? "")
    if (reverted?.confirmed) this.#breaks(`change ${reverts} was confirmed, and reverts`)
    if (reverted !== undefined) reverted.ended = true // a guard killed right then never says so
    const pays = task?.kind === "restore" && (task.to === "arming" || task.to === "last-open")
    if (pays && works && !tasks.some(({ id, kind }) => kind === "open" && id > event.task)) this.#owes = false
  }

  #confirmed(): void {
    const id = this.#world.record.lastChange?.id ?? ""
    const change = this.#changes.get(id)
    if (change === undefined) return this.#breaks("a confirmation of no change")
    if (!this.#seen.has(id)) this.#breaks(`change ${id} is confirmed, and was not looked at`)
    const { kernel, record } = this.#world
    const seen = this.#seen.get(id)
    if (seen !== undefined && this.#world.rulesOf(record.arming) !== seen)
      this.#breaks(`a rollback does not go to ${seen}, which was confirmed`)
    const inForce = kernel.state === "shut" && kernel.rules === `change ${id}`
    if (!inForce && this.#trouble === 0) this.#breaks(`change ${id} is confirmed, and not what is in force`)
    change.confirmed = true
  }

  #hears({ event, facts }: { event: string; facts?: { readonly [key: string]: unknown } }): void {
    const id = String(facts?.id ?? "")
    const change = this.#changes.get(id)
    const stays = event === "applied" && this.#world.record.change === undefined
    if (stays && change?.withinMs === 0) change.confirmed = true
    const reverted = change !== undefined && (event === "rolled-back" || event === "rollback-failed")
    if (reverted && change.confirmed) this.#breaks(`change ${id} was confirmed, and reverts`)
    if (change !== undefined && event !== "applied") change.ended = true
    const { record } = this.#world
    // What could not be done at the end has been said.
    if (event === "expiry-failed" || (event === "rollback-failed" && record.ending !== undefined))
      this.#owes = false
    // Who disarms takes it over; a session that ends with an open is meant to leave it open.
    if (event === "disarmed" || (event === "expired" && record.configuration.onExpiry === "reset"))
      this.#owes = false
  }

  /** Between two acts. */
  #looks(): void {
    const world = this.#world
    const { record, kernel } = world
    if (!world.alive || this.#over) return
    const status = statusOf(record, live, world.nowMs)
    const pending = record.change !== undefined && record.change.stage !== "preparing"
    if ((status.change !== undefined) !== pending)
      this.#breaks("the status names another change than the record")
    if (status.stillDropping.length !== stillDropping(record).length || status.opens !== record.opens)
      this.#breaks("the status says something else than the record")
    // A guard that comes back behind the end of its session ends it at its first moment.
    const ends = record.ending !== undefined || record.endsAtMs <= world.nowMs
    if (this.#owes && record.debt === undefined && record.tasks.length === 0 && !ends)
      this.#breaks("what an open owes is forgotten")
    const isOpen = kernel.state === "flushed"
    const quiet = this.#trouble === 0 && this.#life === 0 && record.tasks.length === 0
    if (quiet && record.ending === undefined && isOpen !== (record.openSince !== undefined))
      this.#breaks(
        isOpen ? "the firewall is open, and nobody knows" : "the firewall is said to be open, and is not",
      )
    const { id, kind } = this.#newest
    if (this.#trouble > 0 || record.tasks.length > 0 || id <= this.#othersAt) return
    if (kind === "open" && kernel.state !== "flushed")
      this.#breaks("an open was asked for last, and it is shut")
  }

  #looksAtEnd(): void {
    const { record, kernel, emitted, disk } = this.#world
    if (this.#owes)
      this.#breaks("the session has ended, and what an open owes was neither done nor said to be owed")
    if (record.tasks.length > 0 && !emitted.some(({ event }) => event === "expiry-failed"))
      this.#breaks("the session has ended in the middle of something")
    const { facts } = emitted.findLast((one) => one.facts?.ends === true) ?? {}
    if (this.#trouble === 0 && this.#life === 0 && kernel.state === "flushed")
      if (facts?.openSinceMs === undefined || disk.left?.open?.rules === undefined)
        this.#breaks("the session has left the firewall open, and nobody knows")
    // A guard that is killed behind its last write has said so there.
    const said = [...emitted, ...(record.lastChange === undefined ? [] : [record.lastChange.outcome])]
    if (said.some(({ event }) => /failed$/.test(event))) return
    const inForce = kernel.state === "shut" ? /^change (c\d+)$/.exec(kernel.rules)?.[1] : undefined
    const change = this.#changes.get(inForce ?? "")
    if (change !== undefined && !change.confirmed && !this.#onPurpose.has(inForce ?? ""))
      this.#breaks(`change ${inForce} was not confirmed, and is in force at the end`)
  }

  #breaks(promise: string): never {
    throw new Error(`${promise}\n${this.#world.history.join("\n")}`)
  }
}
