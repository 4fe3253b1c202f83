#!/usr/bin/env node
// Node opens its inspector on SIGUSR1, for any local user: this handler has to be there before anything else.
process.on("SIGUSR1", () => {})

// No top-level await: the package bundles each program as one CommonJS file, which starts faster.
const main = async (): Promise<void> => {
  const { processHost } = await import("../cli/terminal/terminal.ts")
  const { applyMain } = await import("../cli/apply/command-line.ts")
  const code = await applyMain(process.argv.slice(2), processHost(), {
    onInterrupt: (then) => process.on("SIGINT", then),
  })
  // A rehearsal that was interrupted may still hold the event loop; it ends with this process.
  process.exit(code)
}
void main()
