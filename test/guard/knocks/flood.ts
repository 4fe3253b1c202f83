import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { expect } from "vitest"
import { echoRequestFrame, linkAddress, sendFrames } from "../../support/lab/frames.ts"
import { type Host, type Lab, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { segmentFrames } from "../../support/lab/segments.ts"
import { type Knocked, knockAside } from "./knocks.ts"
import { Tap } from "./tap.ts"

/** What a flood is made of: `distinct` different packets, sent round and round. */
export interface Flood {
  /** The data of one packet. */
  readonly data: () => Uint8Array
  readonly distinct: number
  /** From so many addresses of 10.0.0.0/8, or from the client's own when it is 0. */
  readonly sources: number
  /** Packets a second that are wanted; what was reached is reported. */
  readonly rate: number
  readonly seconds: number
}

/** What was seen of it. Rates in packets a second. */
export interface Flooded {
  readonly sentRate: number
  /** Counted by the server's interface. */
  readonly receivedRate: number
  readonly heard: number
  /** Packets for which the kernel had no room, of all captures together. */
  readonly missed: number
  readonly knocks: readonly Knocked[]
  readonly answered: number
  readonly cpuSeconds: { readonly guard: number; readonly listener: number }
  /** Resident sets in MB: before, early in the flood, at its end. */
  readonly megabytes: { readonly guard: readonly number[]; readonly listener: readonly number[] }
  /** Lines about rejections in the log, and the shortest time between two, in milliseconds. */
  readonly logLines: number
  readonly closestLinesMs: number
  /** What the listener and the guard counted in this flood. */
  readonly rejected: Readonly<Record<string, number>>
}

/** Two hosts, armed for a dry run, with everything dropped on the server; the owner has a pin. Flood and owner use one road. */
export class FloodStage {
  readonly #road: "icmp" | "tcp/22"
  readonly #hosts = twoHosts()
  readonly armed = new ArmedServer(this.#hosts.lab, this.#hosts.server)

  constructor(road: "icmp" | "tcp/22" = "icmp") {
    this.#road = road
  }

  get lab(): Lab {
    return this.#hosts.lab
  }

  get client(): Host {
    return this.#hosts.client
  }

  get server(): Host {
    return this.#hosts.server
  }

  arm(...args: string[]): void {
    this.armed.arm("--timeout", "30m", "--dry-run", "--road", "tcp/22", ...args)
    this.server.sh("iptables-nft -P INPUT DROP; iptables-nft -P OUTPUT DROP")
  }

  probe(...args: string[]): Promise<Knocked> {
    return knockAside(this.armed, this.client, [
      "probe",
      "192.0.2.1",
      "--no-check",
      "--road",
      this.#road,
      ...args,
    ])
  }

  /** The first request of a probe that was accepted, as it went over the wire. */
  async recordProbe(): Promise<Uint8Array> {
    const requests =
      this.#road === "icmp" ? "icmp[icmptype] == icmp-echo" : "tcp[tcpflags] & tcp-syn != 0 && greater 140"
    const tap = await Tap.start(this.lab, this.client, "eth0", requests, "out")
    expect((await this.probe()).outcome).toMatchObject({ event: "alive" })
    const [first] = await tap.stop()
    if (first === undefined) throw new Error("no request was recorded")
    return first.message
  }

  async close(): Promise<void> {
    await this.#hosts.lab.close()
  }

  /** Floods the server, and knocks `knocks` times, one after the other, spread over that time. */
  async flood(flood: Flood, knocks: number): Promise<Flooded> {
    const { armed, client, server } = this
    const pids = { guard: armed.status().guardPid as number, listener: armed.status().listenerPid as number }
    const before = {
      status: armed.status(),
      received: receivedPackets(server),
      events: armed.events().length,
    }
    const usage = { guard: [usageOf(pids.guard)], listener: [usageOf(pids.listener)] }
    const look = (): void => {
      usage.guard.push(usageOf(pids.guard))
      usage.listener.push(usageOf(pids.listener))
    }
    const sending = sendFrames(client, "eth0", this.#frames(flood), {
      rate: flood.rate,
      count: flood.rate * flood.seconds,
    })
    await seconds(Math.min(2, flood.seconds / 3))
    look()
    const answers: Knocked[] = []
    const pause = knocks === 0 ? 0 : Math.max(0, (flood.seconds - 3) / knocks - 0.3)
    for (let i = 0; i < knocks; i += 1) {
      answers.push(await this.probe())
      await seconds(pause)
    }
    const sent = await sending
    look()
    const received = receivedPackets(server) - before.received
    await seconds(1.5) // the counts of the last second
    const after = armed.status()
    expect(after).toMatchObject({ guardPid: pids.guard, listenerPid: pids.listener })
    const lines = armed
      .events()
      .slice(before.events)
      .filter(({ event }) => event === "rejected")
    const times = lines.map(({ time }) => Date.parse(String(time)))
    return {
      sentRate: Math.round(sent.sent / sent.seconds),
      receivedRate: Math.round(received / sent.seconds),
      heard: (after.heard as number) - (before.status.heard as number),
      missed: (after.missed as number) - (before.status.missed as number),
      knocks: answers,
      answered: answers.filter(({ outcome }) => outcome.event === "alive").length,
      cpuSeconds: { guard: cpuSpent(usage.guard), listener: cpuSpent(usage.listener) },
      megabytes: {
        guard: usage.guard.map(({ megabytes }) => megabytes),
        listener: usage.listener.map(({ megabytes }) => megabytes),
      },
      logLines: lines.length,
      closestLinesMs: Math.min(...times.slice(1).map((time, at) => time - (times[at] ?? 0))),
      rejected: difference(before.status.rejected, after.rejected),
    }
  }

  #frames(flood: Flood): Uint8Array[] {
    const sourceLink = linkAddress(this.client, "eth0")
    const destinationLink = linkAddress(this.server, "eth0")
    const segment = segmentFrames(this.client, this.server)
    return Array.from({ length: Math.max(flood.distinct, flood.sources) }, (_, at) => {
      const source = flood.sources === 0 ? "192.0.2.2" : `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`
      if (this.#road !== "icmp") return segment(flood.data(), { source })
      return echoRequestFrame({
        data: flood.data(),
        source,
        destination: "192.0.2.1",
        sourceLink,
        destinationLink,
        identifier: at & 0xffff,
      })
    })
  }
}

/** One line of figures for the report. */
export function figures(what: string, flooded: Flooded): string {
  const { sentRate, receivedRate, heard, missed, answered, knocks, cpuSeconds, megabytes } = flooded
  const took = knocks
    .map(({ outcome }) => outcome.roundTripMs)
    .filter((ms) => typeof ms === "number")
    .sort((a, b) => a - b)
  const rejected = Object.entries(flooded.rejected).map(([reason, count]) => `${reason} ${count}`)
  return [
    `flood: ${what}: ${sentRate}/s sent, ${receivedRate}/s received, ${heard} heard, ${missed} missed`,
    `${answered} of ${knocks.length} knocks answered in ${took.map(Math.round).join(" ")} ms`,
    `cpu guard ${cpuSeconds.guard.toFixed(1)} s, listener ${cpuSeconds.listener.toFixed(1)} s`,
    `MB guard ${megabytes.guard.join(" ")}, listener ${megabytes.listener.join(" ")}`,
    `${flooded.logLines} lines logged, closest ${flooded.closestLinesMs} ms; ${rejected.join(", ")}\n`,
  ].join("\n  ")
}

export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))

const seconds = (count: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, count * 1000))

function receivedPackets(host: Host): number {
  const line = /eth0:\s*(\d+)\s+(\d+)/.exec(host.run(["cat", "/proc/net/dev"]))
  return Number(line?.[2])
}

interface Usage {
  readonly cpuSeconds: number
  readonly megabytes: number
}

/** proc(5): fields 14 and 15 of /proc/PID/stat are in ticks, 100 a second; VmRSS is in kB. */
function usageOf(pid: number): Usage {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? []
  const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
    megabytes: Number(resident?.[1]) >> 10,
  }
}

function cpuSpent(usage: readonly Usage[]): number {
  return (usage.at(-1)?.cpuSeconds ?? 0) - (usage[0]?.cpuSeconds ?? 0)
}

function difference(before: unknown, after: unknown): Record<string, number> {
  const earlier = before as Record<string, number>
  const entries = Object.entries(after as Record<string, number>)
  return Object.fromEntries(
    entries
      .map(([reason, count]) => [reason, count - (earlier[reason] ?? 0)] as const)
      .filter(([, count]) => count > 0),
  )
}
