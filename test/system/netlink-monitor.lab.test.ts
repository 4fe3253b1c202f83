import { describe, expect, it } from "vitest"
import {
  linkChanges,
  NetlinkMonitor,
  type NetlinkTopic,
  ruleChanges,
} from "../../src/system/network/netlink-monitor.ts"
import { type LoaderProcess, startLoader } from "../../src/system/process/standby-process.ts"
import { firewallDeps } from "../support/firewall/on-host.ts"
import { type Host, Lab, labUnavailable } from "../support/lab/lab.ts"
import { eventually } from "../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: news of the kernel: ${labUnavailable}\n`)

/** What a test has of the news of a host's namespace. */
interface Heard {
  readonly host: Host
  readonly news: NetlinkMonitor
  /** How often they were told, and the processes that heard them. */
  readonly heard: { times: number; processes: LoaderProcess[] }
  /** Waits until they are told once more, behind a change. */
  readonly more: (what: string, change: () => unknown) => Promise<void>
}

/** Runs a test on a host of its own whose news are heard. */
async function withNews(topic: NetlinkTopic, test: (heard: Heard) => Promise<void>): Promise<void> {
  const lab = new Lab()
  const host = lab.host("h")
  const { start = startLoader, clock } = firewallDeps(host)
  const heard = { times: 0, processes: [] as LoaderProcess[] }
  const news = new NetlinkMonitor(topic, {
    clock,
    log: () => {},
    restMs: 60_000,
    oftenMs: 60_000,
    onTime: () => {},
    start: (command, events) => {
      const process = start(command, events)
      heard.processes.push(process)
      return process
    },
    onChange: () => {
      heard.times += 1
    },
  })
  const more: Heard["more"] = async (what, change) => {
    const before = heard.times
    change()
    await eventually(what, () => heard.times > before)
  }
  try {
    await more("that it hears", () => {})
    await test({ host, news, heard, more })
  } finally {
    news.close()
    await lab.close()
  }
}

describe.skipIf(labUnavailable)("news of the kernel", () => {
  it("come when rules change by nft, iptables and a large file, and seldom when they change all the time", async () => {
    await withNews(ruleChanges, async ({ host, news, heard, more }) => {
      expect(news.listening).toBe(true)
      await more("a table", () => host.sh("nft add table inet filter"))
      await more("a chain of iptables", () => host.sh("iptables-nft -P INPUT DROP"))
      const rules = Array.from({ length: 2000 }, (_, port) => `add rule inet filter c tcp dport ${port} drop`)
      await more("a file", () => host.sh(`echo 'add chain inet filter c\n${rules.join("\n")}' | nft -f -`))
      const before = heard.times
      const begun = performance.now()
      host.sh("for i in $(seq 300); do nft add table ip t$i; done")
      await more("the last of them", () => host.sh("nft delete table ip t1"))
      expect(heard.times - before).toBeLessThanOrEqual(2 + (performance.now() - begun) / 1000)
    })
  })

  it("come when interfaces and addresses change, and go on when who heard them was killed", async () => {
    await withNews(linkChanges, async ({ host, news, heard, more }) => {
      await more("an interface", () => host.sh("ip link add more0 type veth peer name more1"))
      await more("an address", () => host.sh("ip address add 192.0.2.7/24 dev more0"))
      await more("an address of IPv6", () => host.sh("ip address add 2001:db8::7/64 dev more0 nodad"))
      await more("one that was killed", () => heard.processes.at(-1)?.kill())
      await more("an interface that goes", () => host.sh("ip link delete more0"))
      expect([heard.processes.length, news.listening]).toEqual([2, true])
    })
  })

  it("are looked for more often where no process can be started", () => {
    const periodsMs: number[] = []
    const nothing = { cancel() {} }
    const every = (periodMs: number) => {
      periodsMs.push(periodMs)
      return nothing
    }
    const news = new NetlinkMonitor(ruleChanges, {
      clock: { bootMs: () => 0, wallMs: () => 0, after: () => nothing, every },
      log: () => {},
      start: () => {
        throw new Error("no process")
      },
      restMs: 10_000,
      oftenMs: 1000,
      onChange: () => {},
      onTime: () => {},
    })
    expect([periodsMs, news.listening]).toEqual([[1000], false])
    news.close()
  })
})
