import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { ProveDeps } from "../../../src/firewall/restore/prove.ts"
import { findTools } from "../../../src/firewall/tools/tool-paths.ts"
import { type RunCommand, runCommand } from "../../../src/system/process/run-command.ts"
import { findSystemTools } from "../../../src/system/process/system-tools.ts"
import { systemClock } from "../../../src/system/system-clock.ts"
import type { Host, Lab } from "../lab/lab.ts"

/** Runs commands in a host of the lab, as the guard would there. */
export function runOn(host: Host): RunCommand {
  return async (request) => {
    const [, ...enter] = host.enter()
    return await runCommand({
      ...request,
      path: "/usr/bin/nsenter",
      args: [...enter, request.path, ...request.args],
    })
  }
}

/** Everything a snapshot and a restore on this host need. */
export function firewallOf(host: Host): ProveDeps {
  return {
    run: runOn(host),
    runHere: runCommand,
    clock: systemClock,
    tools: findTools(),
    system: findSystemTools(),
  }
}

let hosts = 0

/** A host with two devices that are down and go nowhere, and a script run on it; `$FILE` is a file of its own. */
export function hostWith(lab: Lab, script: string): Host {
  hosts += 1
  const host = lab.host(`h${hosts}`)
  host.sh("ip link add eth0 type veth peer name eth1")
  const file = join(lab.folder, `h${hosts}.sh`)
  if (existsSync(file)) throw new Error(`${file} is there already`)
  writeFileSync(file, `FILE=${file}.rules\n${script}\n`)
  host.run(["sh", "-e", file])
  return host
}
