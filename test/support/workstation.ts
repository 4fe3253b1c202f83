import { type ChildProcess, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { formatSecretLine } from "../../src/secrets/secret-file.ts"
import type { Host, Lab } from "./lab/lab.ts"
import { fwKnock } from "./lab/programs.ts"

const repository = join(import.meta.dirname, "../..")

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** The JSON objects on standard output. */
  readonly objects: readonly Readonly<Record<string, unknown>>[]
  /** Those of the hosts, without their sum. */
  readonly hosts: readonly Readonly<Record<string, unknown>>[]
}

export interface RunOptions {
  readonly input?: string
  readonly env?: NodeJS.ProcessEnv
  /** In front of fw-knock: `setpriv ...`, `unshare ...`. */
  readonly before?: readonly string[]
  /** Another copy of the program. */
  readonly program?: readonly string[]
}

/** Runs fw-knock on `host` to its end, without holding this process up: the responder lives here. */
export async function knock(host: Host, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const [command, ...rest] = [
    ...host.enter(),
    ...(options.before ?? []),
    ...(options.program ?? fwKnock),
    ...args,
  ]
  const child: ChildProcess = spawn(command as string, rest, {
    env: { PATH: process.env.PATH, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  })
  child.stdin?.on("error", () => {})
  child.stdin?.end(options.input ?? "")
  let [stdout, stderr] = ["", ""]
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
  })
  const code = await new Promise<number>((resolve) => child.once("close", (status) => resolve(status ?? -1)))
  const objects = stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  return { code, stdout, stderr, objects, hosts: objects.filter(({ event }) => event !== "summary") }
}

/** A new secret, and a file of mode 0600 whose lines name these hosts. */
export function secretFile(lab: Lab, ...hosts: string[]): { path: string; secrets: Uint8Array[] } {
  const secrets = hosts.map(() => new Uint8Array(randomBytes(16)))
  const path = join(lab.folder, `secret-${randomBytes(4).toString("hex")}`)
  const lines = hosts.map((host, index) =>
    formatSecretLine({ host, name: undefined, secret: secrets[index] as Uint8Array }),
  )
  writeFileSync(path, `${lines.join("\n")}\n`, { mode: 0o600 })
  return { path, secrets }
}

/** The link-local address of a host's eth0, which the kernel makes a moment after the link came up. */
export async function linkLocalOf(host: Host): Promise<string> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const shown = host.run(["ip", "-6", "-o", "address", "show", "dev", "eth0", "scope", "link"])
    const address = /fe80:[0-9a-f:]+/.exec(shown)?.[0]
    if (address !== undefined && !shown.includes("tentative")) return address
    await sleep(30)
  }
  throw new Error(`${host.name} got no link-local address within 3 s`)
}

/** A copy of a program that every user may read, wherever this checkout is: in root's own folder, say. */
export function publicCopy(lab: Lab, program: "fw-knock" | "fw-watchdog" | "listener"): readonly string[] {
  const folder = mkdtempSync("/tmp/fw-public-")
  lab.onClose(() => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o755)
  const lock: { packages: Record<string, { dev?: boolean }> } = JSON.parse(
    readFileSync(join(repository, "package-lock.json"), "utf8"),
  )
  const modules = Object.keys(lock.packages).filter((path) => path !== "" && !lock.packages[path]?.dev)
  for (const path of ["dist", "package.json", ...modules])
    cpSync(join(repository, path), join(folder, path), { recursive: true })
  return [process.execPath, join(folder, `dist/bin/${program}.js`)]
}
