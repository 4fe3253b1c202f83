// Writes the main process of fw-watchdog.service: write-standing-guard VERSION prints the script.

import { withNotifySocket } from "../../src/guard/launch/systemd-notify.ts"
import { armedAllocator, armedOptions } from "../../src/system/process/armed-process.ts"

const version = process.argv[2]
if (version === undefined) throw new Error("usage: write-standing-guard VERSION")
const folder = `/usr/lib/fw-watchdog/${version}`
const guard = {
  path: `${folder}/node`,
  args: [...armedOptions, `${folder}/dist/bin/guard.js`, "--standing"],
}
const kept = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "TZ"]
const set = Object.entries({
  PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
  HOME: "/nonexistent",
  ...armedAllocator,
})
const { path, args } = withNotifySocket("/usr/bin/perl", guard)
const quoted = [path, ...args].map((word) => (/^[\w./=-]+$/.test(word) ? word : `'${word}'`))
if (args.some((word) => word.includes("'"))) throw new Error("a quote within quotes")

process.stdout.write(`#!/bin/sh
# The guard of fw-watchdog.service, with the options of \`fw-watchdog arm\`: connected to systemd, and with nothing of the
# environment but these names.
exec /usr/bin/env -i ${set.map((pair) => pair.join("=")).join(" ")} \\
${kept.map((name) => `  \${${name}+"${name}=$${name}"} \\`).join("\n")}
  ${quoted.join(" ")} "$@"
`)
