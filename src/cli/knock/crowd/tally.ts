import { exitCodeFor, type Outcome, worstOf } from "../../../report/outcome.ts"
import type { Terminal } from "../../terminal/terminal.ts"
import { mostNamed } from "./crowd.ts"

/** The event of a host that was left alone because too many others had failed. */
export const notTried = "not-tried"

/** The ends of all hosts of one command, told as they come: each of a few, the first that went wrong of a crowd. */
export class Tally {
  readonly #terminal: Terminal
  readonly #crowd: boolean
  readonly #mostFailed: number
  readonly #events = new Map<string, number>()
  readonly #codes = new Set<Outcome["code"]>()
  readonly #failedHosts: string[] = []
  #ended = 0
  #named = 0

  /** @param mostFailed when more have failed, nothing more is to be begun */
  constructor(crowd: boolean, mostFailed: number, terminal: Terminal) {
    this.#crowd = crowd
    this.#mostFailed = mostFailed
    this.#terminal = terminal
  }

  /** Takes note of one host's end, and tells it where it is to be named. */
  add(host: string, outcome: Outcome): void {
    this.#ended += 1
    this.#events.set(outcome.event, (this.#events.get(outcome.event) ?? 0) + 1)
    this.#codes.add(outcome.code)
    if (outcome.code !== "done") this.#failedHosts.push(host)
    if (this.#isTold(outcome)) this.#terminal.report(outcome)
  }

  /** The hosts that did not end as they were to, those included that were not tried. */
  get failedHosts(): readonly string[] {
    return this.#failedHosts
  }

  /** Why nothing more is to be begun; undefined as long as it may. */
  get stopped(): string | undefined {
    const leftAlone = this.#events.get(notTried) ?? 0
    const failed = this.#failedHosts.length - leftAlone
    return failed > this.#mostFailed
      ? `${failed} of ${this.#ended - leftAlone} hosts had failed by then`
      : undefined
  }

  get exitCode(): number {
    return exitCodeFor(worstOf([...this.#codes]))
  }

  /** Tells the counts, of more than one host. @param facts for `--json`, beside the counts */
  tellSum(facts: { readonly packetsSent: number; readonly tookMs: number }): void {
    if (this.#ended < 2) return
    const code = worstOf([...this.#codes])
    const counts = [...this.#events].map(([event, count]) => `${count} ${event}`).join(", ")
    const message = `${this.#ended} hosts: ${counts}`
    const hidden = this.#failedHosts.length - this.#named
    if (this.#terminal.json)
      this.#terminal.report({
        event: "summary",
        code,
        message,
        facts: { hosts: this.#ended, ended: Object.fromEntries(this.#events), ...facts },
      })
    else {
      this.#terminal.say(message)
      if (hidden > 0)
        this.#terminal.say(
          `hint: ${hidden} that did not end well are not named: --failed FILE keeps their names, --json tells all`,
        )
    }
  }

  #isTold(outcome: Outcome): boolean {
    if (this.#terminal.json) return true
    const told =
      !this.#crowd || (outcome.code !== "done" && outcome.event !== notTried && this.#named < mostNamed)
    if (told && outcome.code !== "done") this.#named += 1
    return told
  }
}
