import { type Said, StandbyProcess } from "../../../system/process/standby-process.ts"
import { privateLock } from "../../tools/tool-paths.ts"
import type { Loaded } from "../backend.ts"
import type { LegacyLoader } from "./loader.ts"

/** How many wait: a restore that fails ends, and then the next one has to be there already. */
const waiting = 2

const commitMs = 3_000
const listMs = 30_000

/**
 * iptables-restore prints comments back when it is verbose, through a buffer of a block: a marker and a block's worth
 * behind it come out as soon as everything in front of them is done. (A line may have 10 239 bytes.)
 */
const padding = `#${"-".repeat(8_500)}\n`

/**
 * Waiting `iptables-legacy-restore --noflush`: it commits at each COMMIT line, long before its input ends, so one
 * serves many opens; and it answers `-S`.
 */
export class LegacyStandbyLoader implements LegacyLoader {
  readonly #standbys: readonly StandbyProcess[]
  #asked = 0

  constructor(path: string, deps: ConstructorParameters<typeof StandbyProcess>[1]) {
    const [name = "", value = ""] = privateLock.split("=")
    const command = { path, args: ["--noflush", "--verbose"], env: { [name]: value } }
    this.#standbys = Array.from({ length: waiting }, () => new StandbyProcess(command, deps))
  }

  get pids(): readonly number[] {
    return this.#standbys.map(({ pid }) => pid).filter((pid) => pid !== undefined)
  }

  async commit(section: string): Promise<Loaded> {
    let error = ""
    for (let attempt = 0; attempt < 4; attempt++) {
      const said = await this.#ask(section, commitMs)
      if (said.ended === undefined) return { ok: true }
      error = said.error.replace(/\s+/g, " ").trim() || said.ended
      // Another writer was between its read and its write (EAGAIN), or it was killed: the next one may do it.
      if (!/temporarily unavailable/i.test(said.error) && said.ended.startsWith("exit code")) break
    }
    return { ok: false, error }
  }

  async rules(table: string): Promise<string | undefined> {
    const said = await this.#ask(`*${table}\n-S\nCOMMIT\n`, listMs)
    return said.ended === undefined ? said.out : undefined
  }

  close(): void {
    for (const standby of this.#standbys) standby.close()
  }

  async #ask(text: string, timeoutMs: number): Promise<Said> {
    this.#asked += 1
    const marker = `#fw-watchdog ${this.#asked} done`
    const ready =
      this.#standbys.find(({ idle }) => idle) ?? this.#standbys.find(({ pid }) => pid !== undefined)
    if (ready === undefined) return { out: "", error: "", ended: "none is waiting" }
    return await ready.ask(
      `${text}${marker}\n${padding}`,
      (newest) => newest.includes(`${marker}\n`),
      timeoutMs,
    )
  }
}
