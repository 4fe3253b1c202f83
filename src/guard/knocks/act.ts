import type { Outcome } from "../../report/outcome.ts"
import type { Change } from "../change/change.ts"
import type { SessionConfiguration } from "../configuration.ts"
import type { WaysBack } from "../rollback.ts"
import { type FirewallWork, rollbackVerdict } from "../rules/operations.ts"
import type { FreshKnock, KnockMessage, PlainMessage, Reception } from "./receive.ts"

interface KnockActionsDeps {
  readonly configuration: Pick<SessionConfiguration, "dryRun" | "openForMs">
  readonly reception: Pick<Reception, "knock" | "plain" | "answer">
  readonly work: Pick<FirewallWork, "open">
  readonly waysBack: Pick<WaysBack, "goBack" | "owedIn">
  readonly change: Change | undefined
  /** Writes the journal. */
  readonly write: () => unknown
  /** Takes every event once; must not block. */
  readonly emit: (outcome: Outcome) => void
}

/** Does what a knock asks for, and answers it. */
export class KnockActions {
  readonly #deps: KnockActionsDeps

  constructor(deps: KnockActionsDeps) {
    this.#deps = deps
  }

  /** A request that a listener says it heard; `reply` sends 128 bytes back the way it came. */
  knock(message: KnockMessage, reply: (data: Uint8Array) => void): void {
    const fresh = this.#deps.reception.knock(message, reply)
    if (fresh !== undefined) this.#act(fresh, message)
  }

  /** The bare text of `--plain`, heard in an echo request. */
  plain(message: PlainMessage): void {
    const { configuration, reception } = this.#deps
    if (!reception.plain()) return
    const facts = { source: message.source, device: message.device }
    if (!configuration.dryRun) void this.#open(false)
    this.#say("plain", `the plain text came from ${message.source}`, facts)
    if (configuration.dryRun) this.#say("dry-run", "would have opened the firewall (dry run)", facts)
  }

  #act(knock: FreshKnock, message: KnockMessage): void {
    const { configuration, reception, change } = this.#deps
    const { request, key } = knock.authentic
    const answer = reception.answer.bind(reception, knock)
    const { source, device } = message
    const facts = { verb: request.verb, source, device, host: key.host, name: key.name }
    // The open is on its way before its knock is written down, which takes longer than all that was checked.
    if (request.verb === "reset" && !configuration.dryRun)
      void this.#open(request.hard, (verdict, verified) => answer(verdict, { verified }))
    this.#say("knock", `an authentic ${request.verb} came from ${source}`, facts)
    if (request.verb === "probe") return answer("alive")
    if (request.verb === "confirm") return answer(change?.confirmByKnock(source) ?? "nothing-to-do")
    if (configuration.dryRun) {
      answer("dry-run")
      return this.#say("dry-run", `would have carried out the ${request.verb} (dry run)`, facts)
    }
    if (request.verb === "rollback") void this.#rollBack(knock)
  }

  async #open(hard: boolean, tell?: Parameters<FirewallWork["open"]>[1]): Promise<void> {
    const { configuration, change, work, waysBack, write } = this.#deps
    change?.firewallOpened()
    const opening = work.open(hard, tell)
    if (configuration.openForMs > 0) {
      waysBack.owedIn(configuration.openForMs)
      write() // while the kernel is at it
    }
    await opening
  }

  async #rollBack(knock: FreshKnock): Promise<void> {
    const { reception, waysBack } = this.#deps
    reception.answer(knock, rollbackVerdict(await waysBack.goBack("arming")), { verified: true })
  }

  #say(event: string, message: string, facts: NonNullable<Outcome["facts"]>): void {
    this.#deps.emit({ event, code: "done", message, facts })
  }
}
