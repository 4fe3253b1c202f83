#!/usr/bin/env node
import "../system/process/no-inspector.ts"
import { knockMain } from "../cli/knock/main.ts"
import { processHost } from "../cli/terminal/terminal.ts"

// No top-level await: only without it can this be bundled as CommonJS, which starts faster (native-notes/raw-sockets.md).
// Until it says how it ended nobody knows, should the process have nothing left to wait for.
process.exitCode = 3
void knockMain(process.argv.slice(2), processHost()).then((exitCode) => {
  process.exitCode = exitCode
})
