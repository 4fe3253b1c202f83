import { spawn } from "node:child_process"
import type { Clock } from "../../../clock.ts"
import { Fault } from "../../../errors.ts"
import { formatDuration } from "../../../report/duration.ts"
import { signalChild } from "../../../signal-child.ts"
import type { ProgramHost, Terminal } from "../../terminal/terminal.ts"

/** Ansible's tool is at it for 17 s for 10 000 hosts. */
const progressMs = 500

/** The longest text that is taken from a tool of Ansible's, in bytes. */
const longestOutput = 256 * 1024 * 1024

/** The most of its warnings that are told. */
const mostWarnings = 20

/**
 * Asks Ansible's own tools what `--list` prints of an inventory, and which hosts a pattern means. Says what it waits for,
 * and what Ansible warns of.
 * @param pattern as Ansible takes one, such as `web:&prod:!db1`; undefined for all hosts
 * @returns the JSON text, and the names that the pattern means
 * @throws Fault `missing` when there is no Ansible, `configuration` when it does not take the inventory, `usage` when it
 *   finds no host for the pattern
 */
export async function askAnsible(
  inventory: string,
  pattern: string | undefined,
  terminal: Terminal,
  clock: Clock,
  host: ProgramHost,
): Promise<{ text: string; names: ReadonlySet<string> | undefined }> {
  const where = `--inventory=${inventory}`
  const startedMs = clock.bootMs()
  if (!terminal.json) terminal.say(`asking ansible-inventory for the hosts of ${inventory}`)
  const timer = clock.every(progressMs, () => {
    const passedMs = Math.floor((clock.bootMs() - startedMs) / 1000) * 1000
    terminal.progress(`waiting for ansible-inventory: ${formatDuration(passedMs)}`)
  })
  try {
    const [text, listed] = await Promise.all([
      run("ansible-inventory", [where, "--list"], inventory, terminal, host),
      pattern === undefined
        ? undefined
        : // ansible-inventory has no --limit before ansible-core 2.15.
          run("ansible", [where, "--list-hosts", "--", pattern], inventory, terminal, host),
    ])
    if (listed === undefined) return { text, names: undefined }
    const names = [...listed.matchAll(/^ {4}(\S.*)$/gm)].map(([, name = ""]) => name)
    if (names.length > 0) return { text, names: new Set(names) }
    throw new Fault("usage", `no host of ${inventory} is meant by ${pattern}: nothing was done`)
  } finally {
    timer.cancel()
  }
}

async function run(
  program: string,
  args: readonly string[],
  inventory: string,
  terminal: Terminal,
  host: ProgramHost,
): Promise<string> {
  const { code, output, errors } = await outputOf(program, args, host)
  const words = errors.replace(/\s+/g, " ").trim()
  if (code !== 0)
    throw new Fault(
      "configuration",
      `${program} does not take ${inventory}: ${words.slice(-500) || `exit code ${code}`}`,
    )
  const warnings = words.split(/\[[A-Z]+ ?[A-Z]*\]: /).filter((warning) => warning.trim() !== "")
  for (const warning of warnings.slice(0, mostWarnings)) terminal.warn(`${program}: ${warning.trim()}`)
  return output
}

async function outputOf(
  program: string,
  args: readonly string[],
  host: ProgramHost,
): Promise<{ code: number | null; output: string; errors: string }> {
  return await new Promise((resolve, reject) => {
    const env = { ...host.env, ANSIBLE_NOCOLOR: "1", ANSIBLE_FORCE_COLOR: "0" }
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env })
    const [output, errors]: [Buffer[], Buffer[]] = [[], []]
    let length = 0
    const take = (chunks: Buffer[]) => (chunk: Buffer) => {
      length += chunk.length
      if (length <= longestOutput) chunks.push(chunk)
      else signalChild(child)
    }
    child.stdout.on("data", take(output))
    child.stderr.on("data", take(errors))
    child.once("error", (cause: NodeJS.ErrnoException) => reject(noAnsible(program, cause)))
    child.once("close", (code) =>
      resolve({ code, output: Buffer.concat(output).toString(), errors: Buffer.concat(errors).toString() }),
    )
  })
}

const noAnsible = (program: string, cause: NodeJS.ErrnoException): Fault =>
  new Fault("missing", `cannot run ${program}: ${cause.code ?? cause.message}`, {
    hint: "where Ansible is: ansible-inventory -i INVENTORY --list >FILE, and here: fw-knock hosts import --ansible FILE",
    cause,
  })
