import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import type { Host } from "../../../support/lab/lab.ts"
import { sshUnavailable } from "../../../support/lab/ssh-server.ts"
import { SshStage } from "./stage.ts"

if (sshUnavailable) process.stderr.write(`skipped: through jump hosts: ${sshUnavailable}\n`)

describe.skipIf(sshUnavailable)("through jump hosts", () => {
  const stage = new SshStage()
  const { lab, ssh, client, server } = stage
  const file = join(lab.folder, "rules.sh")
  let inner: Host
  let far: Host
  beforeAll(async () => {
    await stage.start()
    // The workstation reaches gate (the machine that was "server") only; gate reaches inner, and inner reaches far.
    inner = lab.host("inner")
    far = lab.host("far")
    lab.join(server, "eth1", ["198.51.100.1/24"], inner, "eth0", ["198.51.100.2/24"])
    lab.join(inner, "eth1", ["203.0.113.1/24"], far, "eth0", ["203.0.113.2/24"])
    await ssh.machine(inner, { address: "198.51.100.2", installed: false })
    stage.machine = await ssh.machine(far, { address: "203.0.113.2" })
    // Pings of an ordinary user, as on any Debian.
    for (const host of [server, inner]) host.sh("echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range")
    ssh.alias("gate", "HostName 192.0.2.1", "Port 2222", "User carl")
    ssh.alias("inner", "HostName 198.51.100.2", "User root", "ProxyJump gate")
    ssh.alias("second", "HostName 198.51.100.2", "User carl")
    ssh.alias("far", "HostName 203.0.113.2", "User bob", "ProxyJump gate,second")
    ssh.alias(
      "piped",
      "HostName 203.0.113.2",
      "User bob",
      `ProxyCommand ssh -F ${ssh.config} -J gate -W %h:%p second`,
    )
  })
  afterEach(() => {
    for (const host of [inner, far]) host.try(["nft", "flush", "ruleset"])
    stage.run("disarm", "far")
    stage.newHome()
  })
  afterAll(() => lab.close())

  it("is armed, alive, and opened: the last jump host sends the knocks, and holds no secret", () => {
    expect(stage.run("arm", "far", "--json").object).toMatchObject({
      event: "armed",
      exitCode: 0,
      host: "far",
      address: "203.0.113.2",
    })
    const record = JSON.parse(readFileSync(join(stage.home, ".config/fw-knock/hosts/far.json"), "utf8"))
    expect(record).toMatchObject({ name: "far", addresses: ["203.0.113.2"], jump: "gate,second" })
    far.sh("iptables -P INPUT DROP; iptables -P OUTPUT DROP")
    expect(stage.run("reset", "far", "--json").object).toMatchObject({
      event: "opened",
      exitCode: 0,
      check: { state: "open" },
    })
    expect(far.sh("nft -s list ruleset")).not.toContain("drop")
    expect(client.try(["ping", "-c1", "-W1", "203.0.113.2"]).code).not.toBe(0)
  }, 120_000)

  it("is armed, opened and rolled back over tcp/22 where no echo request gets out of the last jump host", () => {
    inner.sh("iptables -A OUTPUT -p icmp -j DROP; iptables -A INPUT -p icmp -j DROP")
    far.sh("iptables -A INPUT -s 203.0.113.77 -j ACCEPT")
    expect(stage.run("arm", "far", "--json").object).toMatchObject({ event: "armed", exitCode: 0 })
    const record = JSON.parse(readFileSync(join(stage.home, ".config/fw-knock/hosts/far.json"), "utf8"))
    expect(record).toMatchObject({ jump: "gate,second", road: "tcp/22" })
    far.sh("iptables -P INPUT DROP; iptables -P OUTPUT DROP")
    expect(stage.run("reset", "far", "--json").object).toMatchObject({
      event: "opened",
      exitCode: 0,
      check: { state: "open" },
    })
    expect(far.sh("iptables -S")).not.toMatch(/DROP|203\.0\.113\.77/)
    expect(stage.run("rollback", "far", "--json", "--no-check").object).toMatchObject({ exitCode: 0 })
    expect(far.sh("iptables -S")).toContain("-A INPUT -s 203.0.113.77/32 -j ACCEPT")
    expect(inner.sh("nft list ruleset")).toContain("drop")
  }, 120_000)

  it("changes rules, proves a new connection by ssh -W, and confirms; what locks out goes back", () => {
    const rules = (port: number): void =>
      writeFileSync(
        file,
        `iptables -F INPUT\niptables -P INPUT DROP\niptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\niptables -A INPUT -p tcp --dport ${port} -j ACCEPT\n`,
      )
    rules(22)
    expect(stage.run("apply", "far", file, "--json").object).toMatchObject({
      event: "confirmed",
      exitCode: 0,
    })
    expect(far.sh("iptables-save")).toContain("--dport 22")
    rules(23)
    expect(stage.run("apply", "far", file, "--json", "--", "--force").object).toMatchObject({
      event: "rolled-back",
      exitCode: 2,
    })
    expect(far.sh("iptables-save")).toContain("--dport 22")
  }, 180_000)

  it("is refused with a hint where only a ProxyCommand leads there, and goes by --via", () => {
    const { object } = stage.run("arm", "piped", "--json")
    expect(object).toMatchObject({ code: "refused", exitCode: 1 })
    expect(object.hint).toContain("--via JUMP")
    expect(stage.run("arm", "piped", "--json", "--via", "gate,second").object).toMatchObject({
      event: "armed",
      exitCode: 0,
    })
    stage.run("disarm", "piped")
  }, 120_000)
})
