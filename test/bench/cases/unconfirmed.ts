import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Host, type Lab, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import type { Case, Row, Target } from "../case.ts"
import { notInstalled } from "../contenders/installed.ts"
import { said, within } from "../deadline.ts"
import { Instrument } from "../instruments/instrument.ts"
import { benchFolder, packagedApply } from "../paths.ts"

/** A tool that changes rules and takes them back unless somebody confirms, with the shortest setup of its manual. */
interface Changer {
  readonly name: string
  readonly program: string
  /** The command that makes the bad change in `folder`, to be confirmed within `confirmS` seconds where it can be told. */
  readonly command: (folder: string, lab: Lab, server: Host) => Change
}

interface Change {
  readonly words: readonly string[]
  readonly environment?: NodeJS.ProcessEnv
}

const confirmS = 10
const probePort = 9
const shutWithinS = "60"
const backWithinS = "120"

const file = (folder: string, name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}
const dropAll = "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"

const changers: readonly Changer[] = [
  {
    name: "fw-apply",
    program: packagedApply,
    command(folder, lab, server) {
      const { environment, secretFile } = new ArmedServer(lab, server)
      const options = ["--from", "192.0.2.2", "--to", "tcp/22", "--secret-file", secretFile]
      const rules = file(folder, "rules", "iptables -P INPUT DROP\n")
      // It refuses this rule, and has to be told to make it all the same.
      return {
        words: [packagedApply, rules, "--force", "--confirm-within", `${confirmS}s`, ...options],
        environment,
      }
    },
  },
  {
    name: "iptables-apply",
    program: "iptables-apply",
    command: (folder) => ({
      words: ["iptables-apply", "-t", String(confirmS), file(folder, "rules", dropAll)],
    }),
  },
  {
    name: "ferm --interactive",
    program: "ferm",
    command: (folder) => ({
      words: [
        ...["ferm", "--interactive", "--timeout", String(confirmS)],
        file(folder, "ferm.conf", "domain ip table filter chain INPUT policy DROP;\n"),
      ],
    }),
  },
  {
    name: "firehol try",
    program: "firehol",
    command(folder) {
      const enabled = file(folder, "firehol.default", "START_FIREHOL=YES\n")
      const rules = file(folder, "firehol.conf", "version 6\ninterface any world\n  policy drop\n")
      const run = 'mount --bind "$1" /etc/default/firehol && exec firehol "$2" try'
      const words = ["unshare", "--mount", "sh", "-c", run, "sh", enabled, rules]
      return { words, environment: { TYPED: "\n" } } // it asks before it makes the change, too
    },
  },
]

export const unconfirmed: Case = {
  name: "unconfirmed",
  title: "A rule that locks out, nobody confirms, and the terminal is gone: how long until it is back",
  async run({ quick, say }) {
    const rows: Row[] = []
    for (const changer of changers) {
      const found = await row(changer, quick ? 1 : 3)
      say(`${changer.name}: ${found.samples.map((s) => s.toFixed(1)).join(" ")} ${found.reason ?? ""}`)
      rows.push(found)
    }
    return { rows, targets: [target(rows)] }
  },
}

async function row(changer: Changer, rounds: number): Promise<Row> {
  const isOurs = changer === changers[0]
  const common = { variant: "seconds without a way in", contender: changer.name, unit: "s", isOurs }
  const missing = notInstalled(changer.program)
  if (missing !== undefined) return { ...common, samples: [], failures: 0, reason: missing }
  const samples: number[] = []
  const reasons: string[] = []
  for (let round = 0; round < rounds; round += 1)
    try {
      samples.push(await within(240_000, "a trial", oneTrial(changer)))
    } catch (thrown) {
      reasons.push(said(thrown))
    }
  const [reason] = reasons
  return { ...common, samples, failures: reasons.length, ...(reason === undefined ? {} : { reason }) }
}

/** @returns seconds from the first probe that did not get through to the next that did; the terminal goes in between */
async function oneTrial(changer: Changer): Promise<number> {
  const { lab, server, client } = twoHosts()
  const instruments: Instrument[] = []
  const use = async (...args: ConstructorParameters<typeof Instrument>): Promise<Instrument> => {
    const instrument = new Instrument(...args)
    instruments.push(instrument)
    await instrument.next()
    return instrument
  }
  try {
    await server.serveTcp(22)
    await use(client, "probe-stream.py", ["192.0.2.1", String(probePort), "200"])
    const gate = await use(server, "gate.py", [String(probePort)])
    const isOpen = async (seconds: string): Promise<boolean> =>
      (await gate.ask<{ open: boolean }>(seconds)).open
    if (!(await isOpen("2"))) throw new Error("it was shut before")
    const { words, environment } = changer.command(lab.folder, lab, server)
    const terminal = ["/usr/bin/python3", join(benchFolder, "instruments/on-terminal.py")]
    const child = server.start([...terminal, ...words], { env: { ...process.env, ...environment } })
    const patience = performance.now() + Number(shutWithinS) * 1000
    while (await isOpen("0.25")) if (performance.now() > patience) throw new Error("never made the change")
    const shutMs = performance.now() - 250
    child.kill("SIGKILL")
    if (!(await isOpen(backWithinS))) throw new Error(`not back within ${backWithinS} s`)
    return (performance.now() - shutMs) / 1000
  } finally {
    await Promise.all(instruments.map((instrument) => instrument.end()))
    await lab.close()
  }
}

function target(rows: readonly Row[]): Target {
  const own = rows.find(({ isOurs }) => isOurs)
  const slowest = Math.max(0, ...(own?.samples ?? []))
  return {
    what: `fw-apply is back within ${confirmS} s and 2 more, every time`,
    met: own !== undefined && own.failures === 0 && slowest > 0 && slowest <= confirmS + 2,
    figure: own?.reason ?? `${slowest.toFixed(1)} s`,
  }
}
