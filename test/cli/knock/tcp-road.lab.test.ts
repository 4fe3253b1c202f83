import { chownSync, copyFileSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { settled } from "../../guard/knocks/knocks.ts"
import { masquerade, noEcho, routedHosts, routedServer } from "../../guard/knocks/router.ts"
import { twoHosts } from "../../support/lab/lab.ts"
import { serverAddress } from "../../support/lab/lockouts.ts"
import { ArmedServer, fwApply } from "../../support/lab/programs.ts"
import { SshLab, sshUnavailable } from "../../support/lab/ssh-server.ts"
import { type Ended, knock, publicCopy } from "../../support/workstation.ts"

if (sshUnavailable) process.stderr.write(`skipped: fw-knock over TCP: ${sshUnavailable}\n`)

const filters = (...lines: readonly string[]): string =>
  ["iptables-nft", "ip6tables-nft"].flatMap((tool) => lines.map((line) => `${tool} ${line}`)).join("\n")
const drop = filters("-P INPUT DROP", "-P OUTPUT DROP")
const asNobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]
const users = ["root", "nobody"] as const
const cases = ([4, 6] as const).flatMap((family) => users.map((user) => ({ family, user })))

describe.skipIf(sshUnavailable)("fw-knock where no echo goes either way", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const home = join(lab.folder, "workstation")
  let program: readonly string[]
  let nobodys: string

  const run = (user: (typeof users)[number], ...args: string[]): Promise<Ended> =>
    user === "root"
      ? knock(client, [...args, "--json", "--secret-file", armed.secretFile], { env: { HOME: home } })
      : knock(client, [...args, "--json", "--secret-file", nobodys], { before: asNobody, program })

  beforeAll(async () => {
    await new SshLab(lab).machine(server, { address: "192.0.2.1" })
    mkdirSync(home, { mode: 0o700 })
    program = publicCopy(lab, "fw-knock")
    nobodys = join(lab.folder, "nobody's")
    copyFileSync(armed.secretFile, nobodys)
    chownSync(nobodys, 65534, 65534)
    armed.arm("--timeout", "20m")
    client.sh("echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range")
    for (const host of [server, client]) host.run(["nft", "-f", "/dev/stdin"], { input: noEcho })
  })
  beforeEach(async () => {
    await settled(armed)
    server.sh("nft flush ruleset")
  })

  it.each(cases)(
    "IPv$family as $user: a probe and a reset go over the ssh port by themselves",
    async ({ family, user }) => {
      server.sh(drop)
      const probe = await run(user, "probe", serverAddress(family), "--no-check")
      expect(probe.objects).toMatchObject([{ event: "alive", road: "tcp/22" }])
      expect(probe.objects[0]?.message).toContain(" over tcp/22; ")
      expect(await client.reaches(serverAddress(family), 22)).toBe(false)
      const reset = await run(user, "reset", serverAddress(family))
      expect(reset.objects).toMatchObject([{ event: "opened", road: "tcp/22", check: { state: "open" } }])
    },
  )

  it.each(users)(
    "as %s: an open port is answered too, and a probe says that both roads carry",
    async (user) => {
      const only = await run(user, "probe", "192.0.2.1", "--road", "tcp/22")
      expect(only.objects).toMatchObject([{ event: "alive", road: "tcp/22" }])
      for (const host of [server, client]) host.sh("nft delete table inet quiet 2>/dev/null || true")
      const both = await run(user, "probe", "192.0.2.1")
      expect(both.objects).toMatchObject([{ event: "alive", road: "icmp", alsoOver: "tcp/22" }])
      expect(both.objects[0]?.message).toMatch(/alive in \d+ms over ICMP; tcp\/22 carries knocks too; /)
      const alone = await run(user, "probe", "192.0.2.1", "--road", "icmp")
      expect(alone.objects).toMatchObject([{ event: "alive", road: "icmp" }])
      expect(alone.objects[0]?.alsoOver).toBeUndefined()
      client.run(["nft", "-f", "/dev/stdin"], { input: noEcho })
    },
  )

  it.each(users)(
    "as %s: REJECT with a reset loses the answer of a kernel's socket, not the knock",
    async (user) => {
      server.sh(filters("-A INPUT -p tcp -j REJECT --reject-with tcp-reset"))
      const { objects } = await run(user, "reset", "192.0.2.1", "--road", "tcp/22", "--wait", "6s")
      expect(objects).toMatchObject([{ event: "opened", check: { state: "open" } }])
    },
  )

  it.each(users)("as %s: a rollback, which nobody believes without a challenge", async (user) => {
    server.sh(drop)
    expect((await run(user, "reset", "192.0.2.1", "--road", "tcp/22")).code).toBe(0)
    await settled(armed)
    server.sh(drop)
    expect(await client.reaches("192.0.2.1", 22)).toBe(false)
    const back = await run(user, "rollback", "192.0.2.1", "--road", "tcp/22", "--no-check")
    expect(back.objects).toMatchObject([{ event: "rolled-back", road: "tcp/22" }])
    expect(await client.reaches("192.0.2.1", 22)).toBe(true) // as it was at arming
  })

  it("confirms a change that waits", async () => {
    const rules =
      "iptables -A INPUT -p tcp --dport 22 -j ACCEPT\niptables -A INPUT -p udp --dport 9 -j DROP\n"
    const apply = ["--detach", "--json", "--secret-file", armed.secretFile, "--from", "192.0.2.2", "-"]
    const applied = server.try([...fwApply, ...apply], { input: rules, env: armed.environment })
    expect(applied.stderr + applied.stdout).toContain(`"event":"detached"`)
    const confirmed = await run("root", "confirm", "192.0.2.1", "--road", "tcp/22")
    expect(confirmed.objects).toMatchObject([{ event: "confirmed", road: "tcp/22" }])
  })

  it("remembers what carried, and takes it from the first packet on", async () => {
    const secret = await knock(client, ["remember", "192.0.2.1", "--json"], {
      env: { HOME: home },
      input: (await import("node:fs")).readFileSync(armed.secretFile, "utf8"),
    })
    expect(secret.code).toBe(0)
    const probe = async (): Promise<number> => {
      const { objects } = await knock(client, ["probe", "192.0.2.1", "--no-check", "--json"], {
        env: { HOME: home },
      })
      expect(objects).toMatchObject([{ event: "alive", road: "tcp/22" }])
      return Number(objects[0]?.roundTripMs)
    }
    expect(await probe()).toBeGreaterThan(990)
    expect(await probe()).toBeLessThan(990)
  })

  it.each(users)("as %s: half of the packets lost, each way", async (user) => {
    const lossy = `table inet lossy {
  chain in { type filter hook prerouting priority -310; meta l4proto tcp numgen random mod 2 == 0 drop; }
}\n`
    for (const host of [server, client]) host.run(["nft", "-f", "/dev/stdin"], { input: lossy })
    server.sh(drop)
    const { objects } = await run(user, "reset", "192.0.2.1", "--no-check", "--wait", "30s")
    expect(objects[0]).toMatchObject({ event: "opened" })
    client.sh("nft delete table inet lossy")
  })
})

describe.skipIf(sshUnavailable)("fw-knock behind a router that masquerades and drops what is invalid", () => {
  const { lab, server, router, client } = routedHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)

  it("gets through by itself: no echo request passes that router", async () => {
    await new SshLab(lab).machine(server, { address: routedServer })
    armed.arm("--timeout", "10m")
    masquerade({ server, router })
    const run = (verb: string): Promise<Ended> =>
      knock(client, [verb, routedServer, "--json", "--secret-file", armed.secretFile])
    expect((await run("probe")).objects).toMatchObject([{ event: "alive", road: "tcp/22" }])
    server.sh("nft flush ruleset; iptables-nft -P INPUT DROP; iptables-nft -P OUTPUT DROP")
    expect((await run("reset")).objects).toMatchObject([
      { event: "opened", road: "tcp/22", check: { state: "open" } },
    ])
  })
})
