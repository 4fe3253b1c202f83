#!/usr/bin/env node
// Node opens its inspector on SIGUSR1, for any local user: this handler has to be there before anything else.
process.on("SIGUSR1", () => {})
// A terminal's signals are not for this process; the guard alone ends it, by closing its standard input.
process.on("SIGINT", () => {})
process.on("SIGHUP", () => {})

const { runListener } = await import("../listener/listener.ts")
process.exit(await runListener(process.stdin, process.stdout))
