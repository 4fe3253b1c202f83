#!/usr/bin/env node
// Node opens its inspector on SIGUSR1, for any local user: this handler has to be there before anything else.
process.on("SIGUSR1", () => {})

// No top-level await: the package bundles each program as one CommonJS file, which starts faster.
const main = async (): Promise<void> => {
  const { processHost } = await import("../cli/terminal/terminal.ts")
  const { watchdogMain } = await import("../cli/watchdog/command-line.ts")
  const code = await watchdogMain(process.argv.slice(2), processHost(), {
    onInterrupt: (then) => process.on("SIGINT", then),
  })
  // A closed capture goes on holding the event loop; everything was said, and pipes are written to synchronously.
  process.exit(code)
}
void main()
