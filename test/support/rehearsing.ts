import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { formatOf, type RuleInput } from "../../src/apply/input.ts"
import { InputRefused, type Rehearsal, rehearse } from "../../src/apply/rehearse.ts"
import type { SshConnection } from "../../src/apply/ssh-client.ts"
import { firewallOf } from "./firewall/lab-firewall.ts"
import type { Host, Lab } from "./lab/lab.ts"

/** A machine of the lab that rules are rehearsed for, with eth0 (192.0.2.1, 2001:db8::1) and eth1. */
export function machineIn(lab: Lab, name = "machine"): Host {
  const host = lab.host(name)
  host.sh(`ip link add eth0 type veth peer name eth0-end; ip link add eth1 type veth peer name eth1-end
    for name in eth0 eth0-end eth1; do ip link set $name up; done
    ip address add 192.0.2.1/24 dev eth0; ip address add 2001:db8::1/64 dev eth0 nodad
    ip address add 198.51.100.1/24 dev eth1
    ip route add default via 192.0.2.254; ip route add default via 2001:db8::fe`)
  return host
}

let files = 0

/** Rules in a file of the lab's own, as an operator hands them over. */
export function inputOf(lab: Lab, text: string, format = formatOf(text)): RuleInput {
  files += 1
  const folder = join(lab.folder, "inputs")
  mkdirSync(folder, { recursive: true })
  const name = join(folder, `rules-${files}`)
  writeFileSync(name, text)
  return { name, text, format }
}

export async function rehearseOn(
  host: Host,
  input: RuleInput,
  options: { connection?: SshConnection; timeoutMs?: number } = {},
): Promise<Rehearsal> {
  return await rehearse(firewallOf(host), input, {
    connection: options.connection,
    timeoutMs: options.timeoutMs ?? 20_000,
  })
}

/** What a rehearsal refuses an input with. */
export async function refusalOf(host: Host, input: RuleInput, timeoutMs?: number): Promise<InputRefused> {
  try {
    const accepted = await rehearseOn(host, input, timeoutMs === undefined ? {} : { timeoutMs })
    await accepted.close()
  } catch (thrown) {
    if (thrown instanceof InputRefused) return thrown
    throw thrown
  }
  throw new Error(`${input.name} was not refused:\n${input.text}`)
}

/** The rules of a table of iptables in a rehearsal's result, without counters. */
export function rulesOf({ result }: Rehearsal, family: "ip" | "ip6", table = "filter"): string[] {
  const copy = result.nftTables.find((one) => one.family === family && one.name === table)
  return (copy?.saved?.rules ?? []).map((rule) => rule.replace(/^\[\d+:\d+\] /, ""))
}
