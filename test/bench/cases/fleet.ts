import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Fleet, type FleetOptions } from "../../support/fleet/fleet.ts"
import { type Host, type Lab, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { SshLab, sshUnavailable } from "../../support/lab/ssh-server.ts"
import type { Case, Row, Target } from "../case.ts"
import { notInstalled } from "../contenders/installed.ts"
import { interleave } from "../interleave.ts"
import { packagedKnock, packagedWatchdog } from "../paths.ts"
import { median } from "../statistics.ts"
import { figure } from "../table.ts"

/** Many hosts at once: knocks beside plain pings, and beside what an engine needs for a ping over ssh. */
export const fleet: Case = {
  name: "fleet",
  title: "A fleet: fw-knock probe of many hosts, from its start to its end",
  async run({ quick, say }) {
    const rows: Row[] = []
    for (const hosts of [100, 1000, 10_000]) {
      rows.push(
        ...(await atAll(`${hosts} hosts`, { hosts }, quick ? 1 : 3, ["root", "user", "fping", "slow"])),
      )
      say(`${hosts} hosts`)
    }
    const trouble = "10000 hosts, 10 % loss, a fifth dead"
    rows.push(...(await atAll(trouble, { hosts: 10_000, loss: 0.1, deadEvery: 5 }, quick ? 1 : 3, ["root"])))
    rows.push(await oneGuard(quick ? 1 : 3))
    rows.push(await bySsh())
    return { rows, targets: targets(rows) }
  },
}

/** fping lets nobody but root send more often than each millisecond. */
type Sender = "root" | "user" | "fping" | "slow"
const names: Readonly<Record<Sender, string>> = {
  root: "fw-knock",
  user: "fw-knock, ordinary user",
  fping: "fping",
  slow: "fping, ordinary user",
}

interface Run {
  readonly ms: number
  readonly answered: number
  readonly packets: number
  readonly peakMb: number
}
type Taken = Run | { readonly failed: string }

async function atAll(
  variant: string,
  options: FleetOptions,
  rounds: number,
  senders: Sender[],
): Promise<Row[]> {
  const { lab, server, client } = twoHosts()
  try {
    const { addresses, secretFile } = await Fleet.start(lab, server, client, options)
    chmodSync(lab.folder, 0o711) // an ordinary user reads the list
    client.sh("echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range")
    const list = join(lab.folder, "hosts")
    writeFileSync(list, addresses.map((address) => `${address}\n`).join(""))
    const probe = (file: string): string[] => [
      packagedKnock,
      ...["probe", "--hosts", list, "--secret-file", file, "--json"],
    ]
    const results = await interleave(
      senders,
      { rounds, budgetMs: 120_000, failed: (run: Taken) => "failed" in run },
      async (sender): Promise<Taken> => {
        if (sender === "fping") return fastestPing(server, client, list, options.hosts, intervals)
        if (sender === "slow") return fastestPing(server, client, list, options.hosts, [1])
        return knocked(lab, client, sender === "root" ? probe(secretFile) : asNobody(secretFile, probe("-")))
      },
    )
    return [...results].map(([sender, runs]) => rowOf(variant, names[sender], runs, sender === "root"))
  } finally {
    await lab.close()
  }
}

const asNobody = (input: string, command: readonly string[]): string[] => [
  ...[
    "sh",
    "-c",
    'exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$@" <"$0"',
    input,
  ],
  ...command,
]

/** Runs a probe to its end, and reads what it says of itself. */
function knocked(lab: Lab, client: Host, command: readonly string[]): Taken {
  const cost = join(lab.folder, "cost")
  const begun = performance.now()
  const { stdout, stderr } = client.try(["/usr/bin/time", "-o", cost, "-f", "%M", ...command])
  const ms = performance.now() - begun
  const objects = stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
  const sum = objects.at(-1)
  if (sum?.event !== "summary") return { failed: `no summary: ${stderr.slice(-300)}` }
  return {
    ms,
    answered: objects.filter(({ event }) => event === "alive").length,
    packets: Number(sum.packetsSent),
    peakMb:
      Number(
        readFileSync(cost, "utf8")
          .split("\n")
          .findLast((line) => /^\d+$/.test(line)),
      ) / 1024,
  }
}

/** Milliseconds between two pings; the first with which fping loses nothing is its fastest. */
const intervals = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]

function fastestPing(
  server: Host,
  client: Host,
  list: string,
  hosts: number,
  tried: readonly number[],
): Taken {
  const missing = notInstalled("fping")
  if (missing !== undefined) return { failed: missing }
  const kernelAnswers = (yes: boolean): void => {
    server.sh(`echo ${yes ? 0 : 1} >/proc/sys/net/ipv4/icmp_echo_ignore_all`)
  }
  kernelAnswers(true)
  try {
    for (const interval of tried) {
      const begun = performance.now()
      const fping = ["fping", "-a", "-q", "-r", "0", "-t", "2000", "-i", String(interval), "-f", list]
      const { stdout } = client.try(fping)
      const ms = performance.now() - begun
      if (stdout.split("\n").filter(Boolean).length === hosts)
        return { ms, answered: hosts, packets: hosts, peakMb: 0 }
    }
    return { failed: "loses some at every setting" }
  } finally {
    kernelAnswers(false)
  }
}

/** 500 addresses of one real guard under one secret. */
async function oneGuard(rounds: number): Promise<Row> {
  const variant = "500 addresses of one guard, one secret"
  const { lab, server, client } = twoHosts()
  try {
    const addresses = Array.from({ length: 500 }, (_, number) => `10.9.${number >> 8}.${number & 255}`)
    const lines = addresses.map((address) => `addr add ${address}/32 dev lo\n`).join("")
    server.run(["ip", "-batch", "-"], { input: lines })
    client.sh("ip route add 10.9.0.0/16 via 192.0.2.1")
    const armed = new ArmedServer(lab, server, [packagedWatchdog])
    armed.arm("--timeout", "10m")
    const list = join(lab.folder, "hosts")
    writeFileSync(list, addresses.map((address) => `${address}\n`).join(""))
    const probe = ["probe", "--hosts", list, "--secret-file", armed.secretFile, "--json", "--no-check"]
    const runs = Array.from({ length: rounds }, () => knocked(lab, client, [packagedKnock, ...probe]))
    return rowOf(variant, names.root, runs, true)
  } catch (thrown) {
    return rowOf(variant, names.root, [{ failed: String(thrown) }], true)
  } finally {
    await lab.close()
  }
}

/** What an engine takes that logs in everywhere: 100 hosts, once. */
async function bySsh(): Promise<Row> {
  const variant = "100 hosts"
  const contender = "ansible -m ping, over ssh"
  const missing = sshUnavailable ?? notInstalled("ansible")
  if (missing !== undefined) return rowOf(variant, contender, [{ failed: missing }], false)
  const { lab, server, client } = twoHosts()
  try {
    const ssh = new SshLab(lab)
    await ssh.machine(server, { address: "192.0.2.1", installed: false })
    const addresses = Array.from({ length: 100 }, (_, number) => `10.9.0.${number}`)
    server.run(["ip", "-batch", "-"], {
      input: addresses.map((address) => `addr add ${address}/32 dev lo\n`).join(""),
    })
    client.sh("ip route add 10.9.0.0/16 via 192.0.2.1")
    const inventory = join(lab.folder, "inventory")
    writeFileSync(inventory, addresses.map((address) => `${address}\n`).join(""))
    const home = join(lab.folder, "home")
    mkdirSync(home)
    const options = `-i ${ssh.key} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null`
    const env = { ...process.env, HOME: home, ANSIBLE_HOST_KEY_CHECKING: "False", LC_ALL: "C.UTF-8" }
    const begun = performance.now()
    const command = [
      "ansible",
      "all",
      "-i",
      inventory,
      "-m",
      "ping",
      "-f",
      "50",
      "--ssh-common-args",
      options,
    ]
    const { stdout, stderr } = client.try(command, { env })
    const ms = performance.now() - begun
    const answered = stdout.split("\n").filter((line) => line.includes("SUCCESS")).length
    const run: Taken =
      answered === 0 ? { failed: (stdout + stderr).slice(-300) } : { ms, answered, packets: 0, peakMb: 0 }
    return rowOf(variant, contender, [run], false)
  } finally {
    await lab.close()
  }
}

function rowOf(variant: string, contender: string, taken: readonly Taken[], isOurs: boolean): Row {
  const runs = taken.filter((run): run is Run => !("failed" in run))
  const reason = taken.find((run) => "failed" in run)
  const hosts = Number.parseInt(variant, 10)
  const ours = contender.startsWith("fw-knock")
  return {
    variant,
    contender,
    unit: "ms",
    samples: runs.map(({ ms }) => ms),
    failures: taken.length - runs.length,
    ...(reason !== undefined && "failed" in reason ? { reason: reason.failed } : {}),
    isOurs,
    facts:
      runs.length === 0
        ? {}
        : {
            answered: `${Math.min(...runs.map(({ answered }) => answered))} of ${hosts}`,
            ...(ours
              ? {
                  "packets a host": figure(
                    (median(runs.map(({ packets }) => packets)) ?? Number.NaN) / hosts,
                  ),
                  "MB at most": figure(Math.max(...runs.map(({ peakMb }) => peakMb))),
                }
              : {}),
          },
  }
}

const promised = { ms: 5000, packets: 3, mb: 300, ratio: 1.5, guardMs: 3000 }

function targets(rows: readonly Row[]): Target[] {
  const row = (variant: string, contender: string): Row | undefined =>
    rows.find((one) => one.variant === variant && one.contender === contender)
  const ms = (variant: string, contender: string): number =>
    median(row(variant, contender)?.samples ?? []) ?? Number.NaN
  const fact = (name: string): number => Number(row("10000 hosts", names.root)?.facts?.[name])
  const all = "10000 hosts"
  const ratio = ms(all, names.root) / ms(all, names.fping)
  const guardMs = ms("500 addresses of one guard, one secret", names.root)
  const target = (what: string, value: number, most: number): Target => ({
    what,
    met: value <= most,
    figure: figure(value),
  })
  return [
    target("10000 hosts in at most 5 s (ms)", ms(all, names.root), promised.ms),
    target("with at most 3 packets a host", fact("packets a host"), promised.packets),
    target("in at most 300 MB", fact("MB at most"), promised.mb),
    target(
      "in at most 1.5 times fping at its fastest setting that loses nothing, as root",
      ratio,
      promised.ratio,
    ),
    target("the same as an ordinary user", ms(all, names.user) / ms(all, names.slow), promised.ratio),
    target("500 addresses of one guard in at most 3 s (ms)", guardMs, promised.guardMs),
  ]
}
