import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { type Host, labUnavailable } from "../support/lab/lab.ts"
import { eventually } from "../support/lab/programs.ts"
import { knock, publicCopy, secretFile } from "../support/workstation.ts"
import type { Responder } from "./responder.ts"
import { makeStage, type Stage } from "./stage.ts"

const unavailable = labUnavailable ?? (existsSync("/usr/bin/perl") ? undefined : "perl is not installed")
if (unavailable) process.stderr.write(`skipped: fw-knock without root: ${unavailable}\n`)

const commandLine = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")
  } catch {
    return "" // it ended in between
  }
}

describe.skipIf(unavailable)("fw-knock as an ordinary user", () => {
  let stage: Stage
  let client: Host
  let responder: Responder
  let program: readonly string[]
  beforeAll(async () => {
    stage = await makeStage()
    client = stage.client
    responder = stage.responder
    program = publicCopy(stage.lab, "fw-knock")
  })
  beforeEach(() => {
    stage.reset()
    responder.act = () => ({ verdict: "opened" })
  })
  afterAll(() => stage.lab.close())
  const nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]
  const pingers = (range: string): void => {
    client.sh(`echo '${range}' >/proc/sys/net/ipv4/ping_group_range`)
  }
  const asNobody = async (...args: string[]) =>
    await knock(client, [...args, "--secret-file", "-", "--json"], {
      before: nobody,
      program,
      input: readFileSync(stage.path, "utf8"),
    })

  it.each([
    ["IPv4", () => "192.0.2.1"],
    ["IPv6", () => "2001:db8::1"],
    ["IPv6 link-local with its zone", () => stage.linkLocal],
  ])("knocks over %s through the kernel's ping socket where that is allowed", async (_name, address) => {
    pingers("0 2147483647")
    const { code, objects, stderr } = await asNobody("reset", address())
    expect(stderr).toBe("")
    expect(objects).toMatchObject([
      { event: "opened", socket: "ping", address: address(), check: { state: "open" } },
    ])
    expect(code).toBe(0)
    expect(responder.acted).toHaveLength(1)
  })

  it("hears that the host answers pings but not this secret", async () => {
    pingers("0 2147483647")
    const other = secretFile(stage.lab, "192.0.2.1")
    const text = readFileSync(other.path, "utf8")
    const { code, objects } = await knock(
      client,
      ["probe", "192.0.2.1", "--secret-file", "-", "--json", "--wait", "500ms"],
      { before: nobody, program, input: text },
    )
    expect(code).toBe(4)
    expect(objects).toMatchObject([{ event: "no-answer", socket: "ping", echoed: true }])
  })

  it("says what the kernel said when it cannot send", async () => {
    pingers("0 2147483647")
    const { objects } = await asNobody("probe", "203.0.113.1", "--wait", "300ms")
    expect(objects).toMatchObject([
      { event: "no-answer", packetsSent: 0, sendFailures: ["203.0.113.1: Network is unreachable"] },
    ])
  })

  it("is 77 where the kernel does not allow it, and the hint says how it would", async () => {
    pingers("1 0")
    const { code, objects } = await asNobody("reset", "192.0.2.1", "--road", "icmp")
    expect(code).toBe(77)
    expect(objects).toMatchObject([{ code: "permission", host: "192.0.2.1" }])
    expect(String(objects[0]?.hint)).toContain("ping_group_range")
  })

  it("goes without pings where they are not allowed, and says so when nothing answers over TCP either", async () => {
    pingers("1 0")
    const { code, objects } = await asNobody("reset", "192.0.2.1", "--wait", "2s")
    expect(code).toBe(4)
    expect(objects).toMatchObject([{ code: "no-answer", socket: "tcp" }])
    expect(String(objects[0]?.hint)).toContain("ping_group_range")
  })

  it("leaves no relay behind when it is killed", async () => {
    pingers("0 2147483647")
    responder.hears = () => false
    const forLong = ["--no-check", "--wait", "1m", "192.0.2.1"]
    const running = client.start([...nobody, ...program, "reset", "--plain", "reset-iptables", ...forLong])
    const relays = (): number =>
      spawnSync("ip", ["netns", "pids", client.netns], { encoding: "utf8" })
        .stdout.split("\n")
        .filter((pid) => pid !== "" && commandLine(pid).includes("perl -T")).length
    await eventually("a relay", () => relays() === 1)
    running.kill("SIGKILL")
    await eventually("the relay's end", () => relays() === 0)
  })
})
