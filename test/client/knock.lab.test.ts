import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable } from "../support/lab/lab.ts"
import { knock } from "../support/workstation.ts"
import { makeStage, type Stage } from "./stage.ts"

if (labUnavailable) process.stderr.write(`skipped: fw-knock in the lab: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("fw-knock over raw sockets", () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await makeStage()
  })
  afterEach(() => stage.reset())
  afterAll(() => stage.lab.close())

  it.each([
    ["IPv4", "follow-up", () => "192.0.2.1"],
    ["IPv6", "first", () => "2001:db8::1"],
    ["IPv6 link-local with its zone", "first", () => stage.linkLocal],
  ])("reset over %s: answered, opened, the port looked at", async (_name, sent, address) => {
    stage.responder.act = () => {
      stage.open()
      return { verdict: "opened" }
    }
    stage.lockout()
    expect(await stage.client.reaches("192.0.2.1", 22)).toBe(false)
    const { code, objects } = await knock(stage.client, [
      "reset",
      address(),
      "--secret-file",
      stage.path,
      "--json",
    ])
    expect(objects).toMatchObject([
      {
        event: "opened",
        code: "done",
        exitCode: 0,
        host: address(),
        address: address(),
        verb: "reset",
        // Two packets for a stranger; that pins, and from then on one is enough.
        stage: sent,
        verified: true,
        stillDropping: 0,
        secondsLeft: 1800,
        socket: "raw",
        check: { port: 22, state: "open" },
      },
    ])
    expect(code).toBe(0)
    expect(stage.responder.acted).toHaveLength(1)
  })

  it("says one line and a hint, to standard error only", async () => {
    stage.responder.act = () => ({ verdict: "alive" })
    const { code, stdout, stderr } = await knock(stage.client, [
      "probe",
      "192.0.2.1",
      "--secret-file",
      stage.path,
    ])
    expect(code).toBe(0)
    expect(stdout).toBe("")
    expect(stderr).toMatch(
      /^fw-knock: 192\.0\.2\.1: alive in \d+ms over ICMP; .*tcp\/22 is open.*\nfw-knock: hint: .*\n$/,
    )
  })

  it("an open that leaves something dropping, or the port shut, is 3", async () => {
    stage.responder.act = () => ({ verdict: "opened", stillDropping: 2 })
    const dropping = await knock(stage.client, ["reset", "192.0.2.1", "--secret-file", stage.path, "--json"])
    expect(dropping.code).toBe(3)
    expect(dropping.objects).toMatchObject([{ event: "opened", code: "state-unknown", stillDropping: 2 }])
    stage.responder.act = () => ({ verdict: "opened" })
    const closed = await knock(stage.client, [
      "reset",
      "192.0.2.1",
      "--secret-file",
      stage.path,
      "--json",
      "--check",
      "tcp/23",
    ])
    expect(closed.code).toBe(3)
    expect(closed.objects).toMatchObject([{ event: "opened", check: { port: 23, state: "closed" } }])
    stage.server.run(["iptables-nft", "-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "DROP"])
    const filtered = await knock(stage.client, ["reset", "192.0.2.1", "--secret-file", stage.path, "--json"])
    expect(filtered.code).toBe(3)
    expect(filtered.objects).toMatchObject([{ check: { port: 22, state: "filtered" } }])
    const unchecked = await knock(stage.client, [
      "reset",
      "192.0.2.1",
      "--secret-file",
      stage.path,
      "--json",
      "--no-check",
    ])
    expect(unchecked.code).toBe(0)
  })

  it("an answer that is not verified yet is waited for, and the port decides when it never comes", async () => {
    stage.responder.act = () => ({ verdict: "opened", verified: false })
    const begun = performance.now()
    const { code, objects } = await knock(stage.client, [
      "reset",
      "192.0.2.1",
      "--secret-file",
      stage.path,
      "--json",
    ])
    expect(code).toBe(0)
    expect(objects).toMatchObject([{ event: "opened", verified: false, check: { state: "open" } }])
    expect(performance.now() - begun).toBeLessThan(8000)
    const blind = await knock(stage.client, [
      "reset",
      "192.0.2.1",
      "--secret-file",
      stage.path,
      "--json",
      "--no-check",
    ])
    expect(blind.code).toBe(3)
  })

  it("every verdict has its exit code", async () => {
    for (const [verb, verdict, code] of [
      ["reset", "nothing-to-do", 1],
      ["reset", "dry-run", 5],
      ["reset", "open-failed", 3],
      ["reset", "refused", 1],
      ["rollback", "rolled-back", 0],
      ["rollback", "rollback-failed", 3],
      ["rollback", "refused", 1],
      ["confirm", "confirmed", 0],
      ["confirm", "refused", 1],
    ] as const) {
      stage.responder.act = () => ({ verdict })
      const ended = await knock(stage.client, [verb, "192.0.2.1", "--secret-file", stage.path, "--json"])
      expect([verb, verdict, ended.code]).toEqual([verb, verdict, code])
      expect(ended.objects).toMatchObject([{ verdict }])
    }
  })

  it("asks for what it was told to", async () => {
    stage.responder.act = () => ({ verdict: "opened" })
    await knock(stage.client, ["reset", "--hard", "192.0.2.1", "--secret-file", stage.path])
    expect(stage.responder.acted).toMatchObject([{ verb: "reset", hard: true, oneWay: false }])
    stage.responder.acted.splice(0)
    await knock(stage.client, ["reset", "--one-way", "192.0.2.1", "--secret-file", stage.path])
    expect(stage.responder.acted).toMatchObject([{ verb: "reset", hard: false, oneWay: true }])
  })

  it("confirm completes a new TCP connection before it knocks, and does not knock when none comes up", async () => {
    let connectedWhenAsked = 0
    stage.responder.act = () => {
      const table = stage.server.run(["cat", "/proc/net/tcp", "/proc/net/tcp6"])
      // Local port 22, established, or closed by the service of the lab, which greets and leaves, while the client holds on.
      connectedWhenAsked = table
        .split("\n")
        .filter((line) => /:0016 [0-9A-F]+:[0-9A-F]{4} 0[145]/.test(line)).length
      return { verdict: "confirmed" }
    }
    expect((await knock(stage.client, ["confirm", "192.0.2.1", "--secret-file", stage.path])).code).toBe(0)
    expect(connectedWhenAsked).toBe(1)

    stage.responder.heard.splice(0)
    stage.server.run(["iptables-nft", "-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "DROP"])
    const shut = await knock(stage.client, ["confirm", "192.0.2.1", "--secret-file", stage.path, "--json"])
    expect(shut.code).toBe(1)
    expect(shut.objects).toMatchObject([{ code: "refused", host: "192.0.2.1" }])
    expect(stage.responder.heard).toHaveLength(0)
  })

  it("half of all packets lost each way: answered, and acted once", async () => {
    stage.responder.act = () => ({ verdict: "alive" })
    // Every second request is not heard, and every second of those that are is answered into the void.
    let losing = 0
    stage.responder.hears = () => (losing++ & 1) === 1
    stage.client.run([
      "iptables-nft",
      "-A",
      "INPUT",
      "-p",
      "icmp",
      "-m",
      "statistic",
      "--mode",
      "nth",
      "--every",
      "2",
      "--packet",
      "0",
      "-j",
      "DROP",
    ])
    const { objects } = await knock(stage.client, [
      "probe",
      "192.0.2.1",
      "--secret-file",
      stage.path,
      "--json",
    ])
    expect(objects).toMatchObject([{ event: "alive" }])
    expect(stage.responder.acted).toHaveLength(1)
  })
})
