import { spawn } from "node:child_process"
import { Fault } from "../errors.ts"

/** A destination for ssh: its arguments, user and port among them. */
export interface Destination {
  /** `[USER@]HOST` */
  readonly name: string
  readonly port: number | undefined
}

/** The parts of ssh_config(5) that count for a host, as `ssh -G` resolves them. */
export interface SshConfig {
  readonly hostName: string
  readonly port: number
  readonly user: string
  /** Jump hosts, as ProxyJump has them. */
  readonly proxyJump: string | undefined
  readonly proxyCommand: string | undefined
}

/** A host as it was typed, as a destination. */
export function destinationOf({
  user,
  host,
  port,
}: {
  readonly user?: string | undefined
  readonly host: string
  readonly port?: number | undefined
}): Destination {
  return { name: user === undefined ? host : `${user}@${host}`, port }
}

/** The arguments that name a destination. */
export function destinationArgs({ name, port }: Destination): string[] {
  return [...(port === undefined ? [] : ["-p", `${port}`]), "--", name]
}

/**
 * Asks ssh itself what it makes of a host, without a connection.
 * @param words what ssh begins with
 * @throws Fault `missing` when ssh cannot be run, `configuration` when it does not take its own configuration
 */
export async function readSshConfig(words: readonly string[], destination: Destination): Promise<SshConfig> {
  const [program = "ssh", ...options] = words
  const { code, text } = await outputOf(program, [...options, "-G", ...destinationArgs(destination)])
  if (code !== 0)
    throw new Fault("configuration", `ssh does not take "${destination.name}", or its configuration`)
  const values = new Map(
    text.split("\n").map((line) => [line.split(" ", 1)[0], line.slice(line.indexOf(" ") + 1)]),
  )
  const set = (key: string): string | undefined => {
    const value = values.get(key)
    return value === undefined || value === "none" || value === "" ? undefined : value
  }
  return {
    hostName: set("hostname") ?? destination.name.slice(destination.name.lastIndexOf("@") + 1),
    port: Number(set("port") ?? 22),
    user: set("user") ?? "",
    proxyJump: set("proxyjump"),
    proxyCommand: set("proxycommand"),
  }
}

async function outputOf(program: string, args: readonly string[]): Promise<{ code: number; text: string }> {
  return await new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] })
    let text = ""
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk
    })
    child.once("error", (cause) => reject(noSsh(program, cause)))
    child.once("close", (code) => resolve({ code: code ?? 1, text }))
  })
}

/** ssh could not be started. */
export function noSsh(program: string, cause: NodeJS.ErrnoException): Fault {
  return new Fault("missing", `cannot run ${program}: ${cause.code ?? cause.message}`, {
    hint: "apt-get install openssh-client, or say which one: --ssh COMMAND",
    cause,
  })
}
