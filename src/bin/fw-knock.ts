#!/usr/bin/env node
// Node opens its inspector on SIGUSR1, for any local user: this handler has to be there before anything else.
process.on("SIGUSR1", () => {})

const [{ knockMain }, { processHost }] = await Promise.all([
  import("../cli/knock.ts"),
  import("../cli/terminal.ts"),
])
process.exitCode = await knockMain(process.argv.slice(2), processHost())
