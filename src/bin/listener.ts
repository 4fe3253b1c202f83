#!/usr/bin/env node
// Node opens its inspector on SIGUSR1, for any local user: this handler has to be there before anything else.
process.on("SIGUSR1", () => {})
// A terminal's signals are not for this process; the guard alone ends it, by closing its standard input.
process.on("SIGINT", () => {})
process.on("SIGHUP", () => {})

// No top-level await: the package bundles each program as one CommonJS file.
const main = async (): Promise<void> => {
  try {
    const { runListener } = await import("../listener/listener.ts")
    process.exit(await runListener(process.stdin, process.stdout))
  } catch (cause) {
    // libpcap, or the addon that speaks to it, cannot be loaded: said through the pipe like any other fault.
    const message = `cannot load libpcap: ${(cause instanceof Error ? cause.message : String(cause)).split("\n")[0]}`
    const hint = "apt-get install libpcap0.8, and build again if Node has changed since"
    process.stdout.end(`${JSON.stringify({ type: "fault", code: "missing", message, hint })}\n`, () =>
      process.exit(1),
    )
  }
}
void main()
