import { spawn } from "node:child_process"
import { Fault, reasonOf } from "../../errors.ts"
import { type CommandResult, commandEnvironment, type RunCommand } from "../run-command.ts"
import type { SystemTools } from "../system-tools.ts"

/** A network namespace that nobody else uses and that is gone when it is closed or when this process ends. */
export interface Throwaway {
  /** Runs a command in it; the command is killed when this process ends. */
  readonly run: RunCommand
  /** Its network namespace, as a path for nsenter(1) and `ip link set netns`. */
  readonly netns: string
  /** The process that holds it. */
  readonly pid: number
  /** Ends it and everything in it. */
  close(): Promise<void>
}

export interface ThrowawayDeps {
  /** Runs commands on the machine, not in any namespace of the caller's. */
  readonly runHere: RunCommand
  readonly system: SystemTools
}

/**
 * Makes a network namespace. It belongs to a process that does nothing but read from us: it dies of our death
 * (prctl(2), PR_SET_PDEATHSIG) and, should we have died before that was set, of the end of its input. The namespace
 * is never mounted anywhere, so the kernel takes it away with its last process; nothing is left behind by a SIGKILL.
 * @throws Fault `permission` or `missing` when the machine refuses new namespaces
 */
export async function openThrowaway(deps: ThrowawayDeps): Promise<Throwaway> {
  const { setpriv, unshare, nsenter, sh, cat } = deps.system
  const holder = spawn(
    setpriv,
    ["--pdeathsig", "KILL", unshare, "--net", sh, "-c", `echo ready && exec ${cat} >&2`],
    { stdio: ["pipe", "pipe", "pipe"], env: { ...commandEnvironment } },
  )
  const ended = new Promise<void>((resolve) => {
    holder.once("exit", () => resolve())
    holder.once("error", () => resolve())
  })
  await new Promise<void>((resolve, reject) => {
    let said = ""
    holder.stderr.on("data", (chunk) => {
      said += String(chunk)
    })
    holder.stdin.on("error", () => {})
    holder.stdout.once("data", () => resolve())
    const refuse = (cause: unknown): void =>
      reject(
        new Fault("permission", `cannot make a network namespace: ${reasonOf(cause)}`, {
          hint: "run as root on a machine or container that allows unshare(CLONE_NEWNET)",
        }),
      )
    holder.once("error", refuse)
    holder.once("close", (code) => refuse(said || `unshare ended with ${code}`))
  })
  const pid = holder.pid ?? 0
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
      holder.kill("SIGKILL")
      await ended
    },
  }
}

/** Makes a throw-away namespace for one task and closes it whatever happens. */
export async function withThrowaway<T>(
  deps: ThrowawayDeps,
  task: (throwaway: Throwaway) => Promise<T>,
): Promise<T> {
  const throwaway = await openThrowaway(deps)
  try {
    return await task(throwaway)
  } finally {
    await throwaway.close()
  }
}

/**
 * Makes interfaces of these names in a throw-away namespace, so that rules which bind to them can be loaded. They go
 * nowhere and are down: no packet moves a counter.
 * @returns the names that could not be made
 */
export async function addInterfaces(
  throwaway: Throwaway,
  system: SystemTools,
  names: readonly string[],
): Promise<string[]> {
  const failed: string[] = []
  for (const [index, name] of names.entries()) {
    const add = async (...type: string[]): Promise<boolean> =>
      (await throwaway.run({ path: system.ip, args: ["link", "add", name, "type", ...type] })).ok
    // A kernel without dummy devices has veth pairs; the other end stays here, with a name that nobody uses.
    if (!(await add("dummy")) && !(await add("veth", "peer", "name", `fw-end${index}`))) failed.push(name)
  }
  return failed
}

/** The interfaces of the namespace that `run` works in, loopback left out. */
export async function interfaceNames(run: RunCommand, system: SystemTools): Promise<string[]> {
  const listed = await run({ path: system.ip, args: ["-o", "link", "show"] })
  return [...listed.stdout.matchAll(/^\d+: ([^:@\s]+)[@:]/gm)]
    .map(([, name]) => name ?? "")
    .filter((name) => name !== "lo")
}
