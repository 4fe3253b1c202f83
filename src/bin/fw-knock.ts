#!/usr/bin/env node
import "../cli/no-inspector.ts"
import { knockMain } from "../cli/knock.ts"
import { processHost } from "../cli/terminal.ts"

// No top-level await: bundled as CommonJS it starts 4 ms earlier (native-notes/raw-sockets.md).
void knockMain(process.argv.slice(2), processHost()).then((exitCode) => {
  // A name server that does not answer would hold up the end of the process, not only the knock.
  process.exit(exitCode)
})
