import { execFileSync } from "node:child_process"
import { closeSync, openSync, writeSync } from "node:fs"
import { join } from "node:path"
import { type Lockout, lockouts } from "../support/lab/lockouts.ts"
import { takeForks } from "./no-fork.ts"
import { pause } from "./pause.ts"
import { type ArmedStage, type Circumstances, type Stage, serverAddress6 } from "./stage.ts"

/** Something that goes wrong around a lockout. */
export interface Fault {
  readonly name: string
  /** What the server is like before anything is armed. */
  readonly circumstances?: Circumstances
  /** What happens once it is armed; `group` is a free name for a control group. */
  readonly strike?: (stage: ArmedStage, group: string) => unknown
  /** What shuts the server; iptables-nft policy DROP without it. */
  readonly lockout?: Lockout
  /** What happens once it is shut. */
  readonly onceShut?: (stage: ArmedStage) => unknown
  /** Where the knock goes, if not to the IPv4 address. */
  readonly to?: string
  /** A knock that has opened is sent once more, as it was on the wire: it must not open. */
  readonly replay?: boolean
}

const named = (name: string): Lockout => {
  const lockout = lockouts.find((one) => one.name === name)
  if (lockout === undefined) throw new Error(`the lab has no lockout "${name}"`)
  return lockout
}

export const commonLockout = named("iptables-nft policy DROP")

/** The first is the control row: nothing is wrong, and everybody opens. */
export const faultTable: readonly Fault[] = [
  { name: "nothing wrong (control)" },
  {
    name: "no fork possible",
    strike: ({ lab, pids }, group) => lab.onClose(takeForks(group, pids)),
  },
  { name: "disk full", circumstances: { prepare: onSmallDisk }, strike: fill },
  {
    name: "interface down and up",
    async strike({ server }) {
      server.run(["ip", "link", "set", "eth0", "down"])
      await pause(1000)
      server.run(["ip", "link", "set", "eth0", "up"])
      await pause(2000)
    },
  },
  {
    name: "interface re-created",
    async strike({ lab, server, client }) {
      server.run(["ip", "link", "delete", "eth0"])
      await pause(1000)
      lab.join(server, "eth0", ["192.0.2.1/24"], client, "eth0", ["192.0.2.2/24"])
      await pause(2000)
    },
  },
  {
    name: "daemon's terminal closed",
    circumstances: { onTerminal: true },
    async strike(stage) {
      stage.closeTerminal()
      await pause(1000)
    },
  },
  { name: "native nft lockout", lockout: named("native nft inet policy drop") },
  {
    name: "IPv6 lockout",
    lockout: named("ip6tables-nft policy DROP"),
    to: serverAddress6,
    // Its link address is known: this row is about the rules alone.
    strike: ({ client }) => client.run(["ping", "-6", "-c", "1", "-W", "2", serverAddress6]),
  },
  {
    name: "IPv6 lockout, neighbour entry lost",
    // Neighbour discovery is IPv6, and goes with it: half a minute later the other side knows no link address any more.
    lockout: named("ip6tables-nft policy DROP"),
    to: serverAddress6,
    onceShut: forgetNeighbours,
  },
  {
    name: "ARP lockout, neighbour entry lost",
    lockout: {
      name: "policy DROP, ARP too",
      families: [4],
      apply(server) {
        commonLockout.apply(server)
        server.run(["nft", "-f", "/dev/stdin"], {
          input: `table arp fw {
            chain in { type filter hook input priority 0; policy drop; }
            chain out { type filter hook output priority 0; policy drop; }
          }\n`,
        })
      },
    },
    onceShut: forgetNeighbours,
  },
  { name: "server's clock ten years ahead", circumstances: { clock: "+3650d" } },
  { name: "recorded knock replayed: stays shut", replay: true },
]

function forgetNeighbours({ client }: Stage): void {
  client.run(["ip", "neigh", "flush", "all"])
}

/** Everything that is written on this stage's server goes to a disk of 24 MB. */
function onSmallDisk({ lab }: Stage): void {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", lab.folder])
  lab.onClose(() => void execFileSync("umount", ["--lazy", lab.folder]))
}

function fill({ lab }: ArmedStage): void {
  const file = openSync(join(lab.folder, "filled"), "w")
  for (const block of [Buffer.alloc(65_536), Buffer.alloc(1)])
    try {
      for (;;) writeSync(file, block)
    } catch {
      // Full, for blocks of this size.
    }
  closeSync(file)
}
