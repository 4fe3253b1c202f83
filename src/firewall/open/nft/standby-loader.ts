import { StandbyProcess } from "../../../system/process/standby-process.ts"
import type { Loaded } from "../backend.ts"
import { listingOptions, type NftLoader } from "./loader.ts"

/**
 * Written behind every request: nft answers it with one line on standard output whatever happened before, without asking
 * the kernel (0.2 ms; `list tables` would take 300 with 20 000 rules).
 */
const sentinel = "describe ip daddr"
const isSentinel = /(?:^|\n)(?:nft> )?payload expression,[^\n]*\n$/

/** How long a load may take. The kernel does one transaction at a time, so a big one of somebody else's comes first. */
const loadMs = 3_000
const listMs = 60_000

/** One interactive `nft -i`, started at arming: lists and loads again and again without a fork, an exec or a file. */
export class NftStandbyLoader implements NftLoader {
  readonly #standby: StandbyProcess

  constructor(path: string, deps: ConstructorParameters<typeof StandbyProcess>[1]) {
    this.#standby = new StandbyProcess({ path, args: [...listingOptions, "-i"] }, deps)
  }

  get pid(): number | undefined {
    return this.#standby.pid
  }

  async load(line: string): Promise<Loaded> {
    // nft reads lines: one that held another would be two transactions. Without -j it reads no JSON.
    if (/[\r\n]|^\{/.test(line)) return { ok: false, error: "not one line of nft's own language" }
    const said = await this.#ask(line, loadMs)
    return said.error === undefined ? { ok: true } : { ok: false, error: said.error }
  }

  async list(command: string): Promise<string | undefined> {
    // An open waits for this: it has to come soon, or the next loader is tried.
    const said = await this.#ask(command, command === "list chains" ? loadMs : listMs)
    return said.error === undefined ? said.out : undefined
  }

  close(): void {
    this.#standby.close()
  }

  async #ask(line: string, timeoutMs: number): Promise<{ readonly out: string; readonly error?: string }> {
    const said = await this.#standby.ask(
      `${line}\n${sentinel}\n`,
      (newest) => isSentinel.test(newest),
      timeoutMs,
    )
    if (said.ended !== undefined) return { out: "", error: `nft -i: ${said.ended}` }
    // It also warns on standard error ("managed by iptables-nft, do not touch!"), which changes nothing.
    const error = /Error: .*/.exec(said.error)?.[0].trim()
    return { out: said.out.replace(isSentinel, "\n"), ...(error === undefined ? {} : { error }) }
  }
}
