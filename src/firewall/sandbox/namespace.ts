import { spawn } from "node:child_process"
import { Fault, reasonOf } from "../../errors.ts"
import { signalChild } from "../../signal-child.ts"
import { type CommandResult, commandEnvironment, type RunCommand } from "../../system/process/run-command.ts"
import type { SystemTools } from "../../system/process/system-tools.ts"

/** A network namespace that nobody else uses and that is gone when it is closed or when this process ends. */
export interface Namespace {
  /** Runs a command in it, with the files of this machine; the command is killed when this process ends. */
  readonly run: RunCommand
  /** Its network namespace, as a path for nsenter(1) and `ip link set netns`. */
  readonly netns: string
  /** The process that holds it. */
  readonly pid: number
  /** Ends it and everything in it. */
  close(): Promise<void>
}

export interface NamespaceDeps {
  /** Runs commands on the machine, not in any namespace of the caller's. */
  readonly runHere: RunCommand
  readonly system: SystemTools
}

/** Namespaces that a throw-away may have besides that of the network, as nsenter(1) and unshare(1) call them. */
export type Apart = "mount" | "pid" | "ipc" | "uts"

/** The arguments of nsenter(1) that enter all of these namespaces of a process. */
export function enterArguments(namespace: Namespace, apart: readonly Apart[]): string[] {
  const file = { mount: "mnt", pid: "pid", ipc: "ipc", uts: "uts" }
  return [
    `--net=${namespace.netns}`,
    ...apart.map((name) => `--${name}=/proc/${namespace.pid}/ns/${file[name]}`),
    "--",
  ]
}

/**
 * Makes a network namespace. It belongs to a process that does nothing but read from us: it dies of our death
 * (prctl(2), PR_SET_PDEATHSIG) and, should we have died before that was set, of the end of its input. The namespace
 * is never mounted anywhere, so the kernel takes it away with its last process; nothing is left behind by a SIGKILL.
 * With a pid namespace that process is its init, whose end is the end of everything in it.
 * @param apart further namespaces that it gets of its own
 * @throws Fault `permission` or `missing` when the machine refuses new namespaces
 */
export async function openNamespace(deps: NamespaceDeps, apart: readonly Apart[] = []): Promise<Namespace> {
  const { setpriv, unshare, nsenter, sh, cat } = deps.system
  const forked = apart.includes("pid") ? ["--fork", "--kill-child"] : []
  const flags = ["--net", ...apart.map((name) => `--${name}`), ...forked]
  // The shell opens /proc/self itself, and /proc is still that of the machine: the first field is its id out here.
  const hold = `read -r pid rest </proc/self/stat && echo $pid && exec ${cat} >&2`
  const holder = spawn(setpriv, ["--pdeathsig", "KILL", unshare, ...flags, sh, "-c", hold], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...commandEnvironment },
  })
  const ended = new Promise<void>((resolve) => {
    holder.once("exit", () => resolve())
    holder.once("error", () => resolve())
  })
  const pid = await new Promise<number>((resolve, reject) => {
    let said = ""
    holder.stderr.on("data", (chunk) => {
      said += String(chunk)
    })
    holder.stdin.on("error", () => {})
    holder.stdout.once("data", (chunk) => resolve(Number(chunk)))
    const refuse = (cause: unknown): void =>
      reject(
        new Fault("permission", `cannot make a network namespace: ${reasonOf(cause)}`, {
          hint: "run as root on a machine or container that allows unshare(CLONE_NEWNET)",
        }),
      )
    holder.once("error", refuse)
    holder.once("close", (code) => refuse(said || `unshare ended with ${code}`))
  })
  const netns = `/proc/${pid}/ns/net`
  return {
    pid,
    netns,
    run: async (request): Promise<CommandResult> => {
      const args = ["--pdeathsig", "KILL", nsenter, `--net=${netns}`, "--", request.path, ...request.args]
      const result = await deps.runHere({ ...request, path: setpriv, args })
      return { ...result, path: request.path, args: request.args }
    },
    close: async () => {
      holder.stdin.destroy()
      // An init first: the program that forked it ends with it, when everything else in there has ended.
      if (forked.length > 0) endProcess(pid)
      else signalChild(holder, "SIGKILL")
      await ended
    },
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It has ended.
  }
}

/** Makes a throw-away namespace for one task and closes it whatever happens. */
export async function withNamespace<T>(
  deps: NamespaceDeps,
  task: (namespace: Namespace) => Promise<T>,
): Promise<T> {
  const namespace = await openNamespace(deps)
  try {
    return await task(namespace)
  } finally {
    await namespace.close()
  }
}

/**
 * Makes interfaces of these names in a throw-away namespace, so that rules which bind to them can be loaded. They go
 * nowhere and are down: no packet moves a counter.
 * @returns the names that could not be made
 */
export async function addInterfaces(
  namespace: Namespace,
  system: SystemTools,
  names: readonly string[],
): Promise<string[]> {
  const lacking = async (): Promise<string[]> => {
    const there = new Set(await interfaceNames(namespace.run, system))
    return names.filter((name) => !there.has(name))
  }
  // A kernel without dummy devices has veth pairs; the other end stays here, with a name that nobody uses.
  let left = names
  for (const type of ["dummy", "veth"]) {
    if (left.length === 0) break
    const end = (index: number): string => (type === "veth" ? ` peer name fw-end${index}` : "")
    const lines = left.map((name, index) => `link add ${name} type ${type}${end(index)}`)
    // One that the kernel has made by itself, such as sit0, is there already.
    await ipBatch(namespace, system, lines)
    left = await lacking()
  }
  return [...left]
}

/** Gives ip(8) many commands at once; one that fails does not stop the others. */
export async function ipBatch(
  namespace: Namespace,
  system: SystemTools,
  lines: readonly string[],
): Promise<CommandResult> {
  const input = lines.map((line) => `${line}\n`).join("")
  return await namespace.run({ path: system.ip, args: ["-force", "-batch", "-"], input })
}

/** The interfaces of the namespace that `run` works in, loopback left out. */
export async function interfaceNames(run: RunCommand, system: SystemTools): Promise<string[]> {
  const listed = await run({ path: system.ip, args: ["-o", "link", "show"] })
  return [...listed.stdout.matchAll(/^\d+: ([^:@\s]+)[@:]/gm)]
    .map(([, name]) => name ?? "")
    .filter((name) => name !== "lo")
}
