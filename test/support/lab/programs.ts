import { randomBytes } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { formatSecretLine } from "../../../src/secrets/secret-file.ts"
import type { Host, Lab, RunResult } from "./lab.ts"

const program = (name: string): string =>
  fileURLToPath(new URL(`../../../dist/bin/${name}.js`, import.meta.url))

/** The built programs, as an operator runs them. `scripts/test` builds them first. */
export const fwWatchdog: readonly string[] = [process.execPath, program("fw-watchdog")]
export const fwKnock: readonly string[] = [process.execPath, program("fw-knock")]
export const fwApply: readonly string[] = [process.execPath, program("fw-apply")]

if (!existsSync(program("fw-watchdog")))
  throw new Error("dist/ is missing: `npm run build` first, or use scripts/test")

/** One JSON object that a program printed. */
export type Printed = Readonly<Record<string, unknown>>

const objects = (text: string): Printed[] =>
  text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Printed)

/** A new secret in a file of mode 0600 of its own; `host` is what its line names. */
export function makeSecretFile(lab: Lab, host: string): { path: string; secret: Uint8Array } {
  const secret = new Uint8Array(randomBytes(16))
  const path = join(lab.folder, `secret-${Buffer.from(secret).toString("hex", 0, 4)}`)
  writeFileSync(path, `${formatSecretLine({ host, name: undefined, secret })}\n`, { mode: 0o600 })
  return { path, secret }
}

/** An armed server in one host of a lab, with state folders of its own. */
export class ArmedServer {
  readonly host: Host
  readonly secretFile: string
  readonly secret: Uint8Array
  readonly environment: NodeJS.ProcessEnv
  readonly #folder: string
  readonly #program: readonly string[]

  /** @param program what runs instead of the built `fw-watchdog` */
  constructor(lab: Lab, host: Host, program: readonly string[] = fwWatchdog) {
    this.#program = program
    this.host = host
    this.#folder = join(lab.folder, host.name)
    this.environment = {
      PATH: process.env.PATH,
      RUNTIME_DIRECTORY: join(this.#folder, "run"),
      STATE_DIRECTORY: join(this.#folder, "state"),
    }
    const made = makeSecretFile(lab, "192.0.2.1")
    this.secretFile = made.path
    this.secret = made.secret
  }

  /** The command line of `fw-watchdog ARGS`. */
  command(...args: string[]): string[] {
    return [...this.#program, ...args]
  }

  /** `fw-watchdog ARGS` here; whatever its exit code. */
  try(...args: string[]): RunResult & { objects: Printed[] } {
    const result = this.host.try(this.command(...args), { env: this.environment })
    return { ...result, objects: objects(result.stdout) }
  }

  /** Arms a detached session with this server's secret; throws with what it said when it does not arm. */
  arm(...args: string[]): void {
    const result = this.try("--detach", "--json", "--secret-file", this.secretFile, ...args)
    if (result.code !== 0) throw new Error(`arming: exit ${result.code}: ${result.stderr}${result.stdout}`)
  }

  status(): Printed {
    const result = this.try("status", "--json")
    if (result.code !== 0) throw new Error(`status: exit ${result.code}: ${result.stderr}${result.stdout}`)
    return result.objects[0] as Printed
  }

  disarm(): void {
    const result = this.try("disarm", "--json")
    if (result.code !== 0) throw new Error(`disarm: exit ${result.code}: ${result.stderr}`)
  }

  /** Where the session of this host keeps its socket and journal. */
  runtimeFolder(): string {
    return join(this.#folder, "run", this.#inode())
  }

  /** What it keeps for after a reboot. */
  stateFolder(): string {
    return join(this.#folder, "state", this.#inode())
  }

  #inode(): string {
    return this.host.run(["readlink", "/proc/self/ns/net"]).match(/\d+/)?.[0] ?? ""
  }

  /** The events written down so far. */
  events(): Printed[] {
    const path = join(this.stateFolder(), "events.log")
    return existsSync(path) ? objects(readFileSync(path, "utf8")) : []
  }

  /** `fw-knock ARGS --json` on `from` with this server's secret; the last object is the outcome. */
  knock(from: Host, ...args: string[]): RunResult & { outcome: Printed } {
    const result = from.try([...fwKnock, ...args, "--json", "--secret-file", this.secretFile], {
      env: { PATH: process.env.PATH },
    })
    return { ...result, outcome: objects(result.stdout).at(-1) ?? {} }
  }
}

/** Waits until `check` holds, looking every 50 ms; throws when `limitMs` has passed. */
export async function eventually(
  what: string,
  check: () => boolean | Promise<boolean>,
  limitMs = 30_000,
): Promise<void> {
  const until = performance.now() + limitMs
  while (!(await check())) {
    if (performance.now() > until) throw new Error(`${what}: not within ${limitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
