/** The command that a guard's process is started by. */
export interface GuardStart {
  readonly path: string
  readonly args: readonly string[]
}

/**
 * Settings of the C library's allocator, for what stays in memory while a session is armed: one arena, and freed memory goes
 * back to the kernel (mallopt(3)). 5 MB less for the guard, whose arming reads whole rulesets (native-notes/packaging.md).
 */
export const armedAllocator = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_TRIM_THRESHOLD_: "65536",
  MALLOC_TOP_PAD_: "16384",
} as const

/**
 * The environment of the guard and of the listener: where state lives, whose secret file besides root's it was, and nothing
 * that steers Node.
 */
export function cleanEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const kept: Record<string, string> = {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    LC_ALL: "C",
    HOME: "/nonexistent",
    ...armedAllocator,
  }
  for (const name of ["RUNTIME_DIRECTORY", "STATE_DIRECTORY", "SUDO_UID", "NO_COLOR", "TZ"]) {
    const value = environment[name]
    if (value !== undefined) kept[name] = value
  }
  return kept
}

/**
 * Node's options for what stays in memory while a session is armed: a small heap that is collected without threads of its
 * own; and code that is compiled when it first runs and is kept, since the first knock may come after a week (2 MB, and
 * 0.3 ms of a knock).
 */
export const armedOptions: readonly string[] = [
  "--max-semi-space-size=1",
  "--single-threaded-gc",
  "--always-sparkplug",
  "--no-flush-bytecode",
]

/**
 * Outside of systemd nobody else says that a guard, or its listener after it, leaves no core: it would hold the secrets.
 * prlimit(1) is in util-linux, as setpriv is.
 */
export function withoutCore(prlimit: string | undefined, guard: GuardStart): GuardStart {
  if (prlimit === undefined) return guard
  return { path: prlimit, args: ["--core=0", "--", guard.path, ...guard.args] }
}
