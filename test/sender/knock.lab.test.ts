import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../lab/lab.ts"
import { Responder } from "./responder.ts"
import { knock, linkLocalOf, secretFile } from "./workstation.ts"

if (labUnavailable) process.stderr.write(`skipped: fw-knock in the lab: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("fw-knock over raw sockets", async () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const { path, secrets } = secretFile(lab, "192.0.2.1")
  await server.serveTcp(22)
  const responder = await Responder.start(server, secrets[0] as Uint8Array, () => ({ verdict: "alive" }))

  const lockout = (): void => {
    for (const tool of ["iptables-nft", "ip6tables-nft"])
      for (const chain of ["INPUT", "OUTPUT"]) server.run([tool, "-P", chain, "DROP"])
    // The link addresses stay known: that the server answers for them below its firewall is not what is tested here.
    for (const [chain, type] of [
      ["INPUT", "135"],
      ["OUTPUT", "136"],
    ] as const)
      server.run(["ip6tables-nft", "-A", chain, "-p", "icmpv6", "--icmpv6-type", type, "-j", "ACCEPT"])
  }
  const open = (): void => {
    for (const tool of ["iptables-nft", "ip6tables-nft"]) {
      for (const chain of ["INPUT", "OUTPUT"]) server.run([tool, "-P", chain, "ACCEPT"])
      server.run([tool, "-F"])
    }
  }
  afterEach(() => {
    open()
    responder.hears = () => true
    responder.heard.splice(0)
    responder.acted.splice(0)
    client.run(["iptables-nft", "-F"])
  })
  const linkLocal = `${await linkLocalOf(server)}%eth0`

  it.each([
    ["IPv4", "follow-up", () => "192.0.2.1"],
    ["IPv6", "first", () => "2001:db8::1"],
    ["IPv6 link-local with its zone", "first", () => linkLocal],
  ])("reset over %s: answered, opened, the port looked at", async (_name, stage, address) => {
    responder.act = () => {
      open()
      return { verdict: "opened" }
    }
    lockout()
    expect(await client.reaches("192.0.2.1", 22)).toBe(false)
    const { code, objects } = await knock(client, ["reset", address(), "--secret-file", path, "--json"])
    expect(objects).toMatchObject([
      {
        event: "opened",
        code: "done",
        exitCode: 0,
        host: address(),
        address: address(),
        verb: "reset",
        // Two packets for a stranger; that pins, and from then on one is enough.
        stage,
        verified: true,
        stillDropping: 0,
        secondsLeft: 1800,
        socket: "raw",
        check: { port: 22, state: "open" },
      },
    ])
    expect(code).toBe(0)
    expect(responder.acted).toHaveLength(1)
  })

  it("says one line and a hint, to standard error only", async () => {
    responder.act = () => ({ verdict: "alive" })
    const { code, stdout, stderr } = await knock(client, ["probe", "192.0.2.1", "--secret-file", path])
    expect(code).toBe(0)
    expect(stdout).toBe("")
    expect(stderr).toMatch(
      /^fw-knock: 192\.0\.2\.1: alive in \d+ ms; .*tcp\/22 is open.*\nfw-knock: hint: .*\n$/,
    )
  })

  it("an open that leaves something dropping, or the port shut, is 3", async () => {
    responder.act = () => ({ verdict: "opened", stillDropping: 2 })
    const dropping = await knock(client, ["reset", "192.0.2.1", "--secret-file", path, "--json"])
    expect(dropping.code).toBe(3)
    expect(dropping.objects).toMatchObject([{ event: "opened", code: "state-unknown", stillDropping: 2 }])
    responder.act = () => ({ verdict: "opened" })
    const closed = await knock(client, [
      "reset",
      "192.0.2.1",
      "--secret-file",
      path,
      "--json",
      "--check",
      "tcp/23",
    ])
    expect(closed.code).toBe(3)
    expect(closed.objects).toMatchObject([{ event: "opened", check: { port: 23, state: "closed" } }])
    server.run(["iptables-nft", "-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "DROP"])
    const filtered = await knock(client, ["reset", "192.0.2.1", "--secret-file", path, "--json"])
    expect(filtered.code).toBe(3)
    expect(filtered.objects).toMatchObject([{ check: { port: 22, state: "filtered" } }])
    const unchecked = await knock(client, [
      "reset",
      "192.0.2.1",
      "--secret-file",
      path,
      "--json",
      "--no-check",
    ])
    expect(unchecked.code).toBe(0)
  })

  it("an answer that is not verified yet is waited for, and the port decides when it never comes", async () => {
    responder.act = () => ({ verdict: "opened", verified: false })
    const begun = performance.now()
    const { code, objects } = await knock(client, ["reset", "192.0.2.1", "--secret-file", path, "--json"])
    expect(code).toBe(0)
    expect(objects).toMatchObject([{ event: "opened", verified: false, check: { state: "open" } }])
    expect(performance.now() - begun).toBeLessThan(8000)
    const blind = await knock(client, ["reset", "192.0.2.1", "--secret-file", path, "--json", "--no-check"])
    expect(blind.code).toBe(3)
  })

  it("every verdict has its exit code", async () => {
    for (const [verb, verdict, code] of [
      ["reset", "nothing-to-do", 0],
      ["reset", "dry-run", 5],
      ["reset", "open-failed", 3],
      ["reset", "refused", 1],
      ["rollback", "rolled-back", 0],
      ["rollback", "rollback-failed", 3],
      ["rollback", "refused", 1],
      ["confirm", "confirmed", 0],
      ["confirm", "refused", 1],
    ] as const) {
      responder.act = () => ({ verdict })
      const ended = await knock(client, [verb, "192.0.2.1", "--secret-file", path, "--json"])
      expect([verb, verdict, ended.code]).toEqual([verb, verdict, code])
      expect(ended.objects).toMatchObject([{ verdict }])
    }
  })

  it("asks for what it was told to", async () => {
    responder.act = () => ({ verdict: "opened" })
    await knock(client, ["reset", "--hard", "192.0.2.1", "--secret-file", path])
    expect(responder.acted).toMatchObject([{ verb: "reset", hard: true, oneWay: false }])
    responder.acted.splice(0)
    await knock(client, ["reset", "--one-way", "192.0.2.1", "--secret-file", path])
    expect(responder.acted).toMatchObject([{ verb: "reset", hard: false, oneWay: true }])
  })

  it("confirm completes a new TCP connection before it knocks, and does not knock when none comes up", async () => {
    let connectedWhenAsked = 0
    responder.act = () => {
      const table = server.run(["cat", "/proc/net/tcp", "/proc/net/tcp6"])
      // Local port 22, established, or closed by the service of the lab, which greets and leaves, while the client holds on.
      connectedWhenAsked = table
        .split("\n")
        .filter((line) => /:0016 [0-9A-F]+:[0-9A-F]{4} 0[145]/.test(line)).length
      return { verdict: "confirmed" }
    }
    expect((await knock(client, ["confirm", "192.0.2.1", "--secret-file", path])).code).toBe(0)
    expect(connectedWhenAsked).toBe(1)

    responder.heard.splice(0)
    server.run(["iptables-nft", "-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "DROP"])
    const shut = await knock(client, ["confirm", "192.0.2.1", "--secret-file", path, "--json"])
    expect(shut.code).toBe(1)
    expect(shut.objects).toMatchObject([{ code: "refused", host: "192.0.2.1" }])
    expect(responder.heard).toHaveLength(0)
  })

  it("half of all packets lost each way: answered, and acted once", async () => {
    responder.act = () => ({ verdict: "alive" })
    // Every second request is not heard, and every second of those that are is answered into the void.
    let losing = 0
    responder.hears = () => (losing++ & 1) === 1
    client.run([
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
    const { objects } = await knock(client, ["probe", "192.0.2.1", "--secret-file", path, "--json"])
    expect(objects).toMatchObject([{ event: "alive" }])
    expect(responder.acted).toHaveLength(1)
  })

  it("silence: says what it can know, retransmits on schedule, turns one-way, exits with 4", async () => {
    lockout()
    responder.hears = () => false
    const { code, stderr } = await knock(client, [
      "reset",
      "192.0.2.1",
      "--secret-file",
      path,
      "--wait",
      "3s",
    ])
    expect(code).toBe(4)
    expect(stderr).toMatch(
      /no answer within 3s; \d+ packets sent; tcp\/22 is filtered.*the reset may still arrive/,
    )
    // 0, 50, 150, 400, 800, 1200, 1600 ms; then one-way from 2 s on: 0, 50, 150, 400, 800
    expect(responder.heard.length).toBeGreaterThanOrEqual(11)
    expect(responder.heard.length).toBeLessThanOrEqual(13)
    const flags = responder.heard.map(({ data }) => (data[11] as number) & 1)
    expect(flags[0]).toBe(0)
    expect(flags.at(-1)).toBe(1)
  })

  it("another secret: the host answers pings, so the hint says that the knock was not understood", async () => {
    const other = secretFile(lab, "192.0.2.1")
    const args = ["probe", "192.0.2.1", "--secret-file", other.path, "--wait", "500ms"]
    const { code, objects } = await knock(client, [...args, "--json"])
    expect(code).toBe(4)
    expect(objects).toMatchObject([{ event: "no-answer", echoed: true, check: { state: "open" } }])
    expect((await knock(client, args)).stderr).toContain("answers ordinary pings")
  })

  it("a host that is not there, and a workstation whose own firewall stops pings", async () => {
    const nobody = await knock(client, [
      "probe",
      "192.0.2.99",
      "--secret-file",
      path,
      "--wait",
      "4s",
      "--json",
    ])
    expect(nobody.code).toBe(4)
    expect(nobody.objects).toMatchObject([{ unreachable: { from: "192.0.2.2", reason: "host unreachable" } }])
    client.run(["iptables-nft", "-A", "OUTPUT", "-p", "icmp", "-j", "DROP"])
    const stopped = await knock(client, [
      "probe",
      "192.0.2.1",
      "--secret-file",
      path,
      "--wait",
      "300ms",
      "--json",
    ])
    expect(stopped.code).toBe(4)
    expect(stopped.objects).toMatchObject([
      { packetsSent: 0, sendFailures: ["192.0.2.1: Operation not permitted"] },
    ])
    const unroutable = await knock(client, [
      "probe",
      "203.0.113.1",
      "--secret-file",
      path,
      "--wait",
      "300ms",
      "--json",
    ])
    expect(unroutable.objects).toMatchObject([{ sendFailures: ["203.0.113.1: Network is unreachable"] }])
  })

  it("--plain sends the bare text until the port is open, and the port alone decides", async () => {
    lockout()
    const opening = (async () => {
      while (responder.heard.length < 2) await sleep(20)
      open()
    })()
    const ended = await knock(client, ["reset", "--plain", "reset-iptables", "192.0.2.1", "--json"])
    await opening
    expect(ended.code).toBe(0)
    expect(ended.objects).toMatchObject([{ event: "port-open", plain: true, check: { state: "open" } }])
    expect(Buffer.from(responder.heard[0]?.data ?? []).toString()).toBe("reset-iptables")
    expect(responder.heard.length).toBeLessThanOrEqual(3)

    lockout()
    const args = ["reset", "--plain", "reset-iptables", "--wait", "500ms", "192.0.2.1", "--json"]
    expect(await knock(client, args)).toMatchObject({ code: 3, objects: [{ event: "port-shut" }] })
    expect(await knock(client, [...args, "--no-check"])).toMatchObject({
      code: 4,
      objects: [{ event: "sent" }],
    })
  })

  it("several hosts at once: a line each, a summary, the worst exit code, and only the owner's secret opens", async () => {
    responder.act = () => ({ verdict: "opened" })
    const many = secretFile(lab, "192.0.2.1", "192.0.2.99", "nosuchname.invalid")
    const own = await Responder.start(server, many.secrets[0] as Uint8Array, () => ({ verdict: "opened" }))
    const hosts = ["192.0.2.1", "192.0.2.99", "nosuchname.invalid", "192.0.2.1"]
    const args = ["reset", ...hosts, "--secret-file", many.path, "--wait", "500ms", "--no-check"]
    const { code, objects } = await knock(client, [...args, "--json"])
    expect(code).toBe(4)
    expect(objects.map((object) => [object.host, object.code]).sort()).toEqual([
      ["192.0.2.1", "done"],
      ["192.0.2.99", "no-answer"],
      ["nosuchname.invalid", "missing"],
    ])
    expect(own.acted).toHaveLength(1)
    expect(responder.acted).toHaveLength(0)
    const { stderr } = await knock(client, args)
    expect(stderr).toContain("fw-knock: 3 hosts: ")
    expect(stderr).toContain("1 opened")
  })

  it("a name is tried over all its addresses, and -4 and -6 choose", async () => {
    responder.act = () => ({ verdict: "alive" })
    const before = [
      "unshare",
      "--mount",
      "sh",
      "-c",
      `printf '192.0.2.1 both\\n2001:db8::1 both\\n2001:db8::99 half\\n192.0.2.1 half\\n' >${lab.folder}/hosts
       mount --bind ${lab.folder}/hosts /etc/hosts; exec "$@"`,
      "sh",
    ]
    const probe = async (...args: string[]) =>
      (await knock(client, ["probe", ...args, "--secret-file", path, "--json", "--wait", "3s"], { before }))
        .objects[0]
    expect(await probe("both")).toMatchObject({ event: "alive", check: { state: "open" } })
    expect(await probe("both", "-4")).toMatchObject({ event: "alive", address: "192.0.2.1" })
    expect(await probe("both", "-6")).toMatchObject({ event: "alive", address: "2001:db8::1" })
    expect(await probe("half")).toMatchObject({ event: "alive", address: "192.0.2.1" })
    expect(await probe("192.0.2.1", "-6")).toMatchObject({ code: "usage" })
    expect(await probe("fe80::1%nope")).toMatchObject({ code: "usage" })
    expect(await probe("fe80::1")).toMatchObject({ code: "usage" })
  })
})
