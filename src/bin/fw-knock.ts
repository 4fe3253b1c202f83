#!/usr/bin/env node
import "../system/process/no-inspector.ts"
import { knockMain } from "../cli/knock/main.ts"
import { processHost } from "../cli/terminal/terminal.ts"

// No top-level await: only without it can this be bundled as CommonJS, which starts faster (native-notes/raw-sockets.md).
void knockMain(process.argv.slice(2), processHost()).then((exitCode) => {
  process.exitCode = exitCode
})
