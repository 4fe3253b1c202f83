import { spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { armOn, firewallDeps, type HostFirewall } from "../../support/firewall/on-host.ts"
import { Prober } from "../../support/firewall/prober.ts"
import { type Host, type Lab, labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { serverAddress } from "../../support/lab/lockouts.ts"
import { noForkUnavailable, withoutFork } from "./no-fork.ts"
import { OwnFiles } from "./own-files.ts"
import { WaitingShell } from "./shell.ts"

if (labUnavailable) process.stderr.write(`skipped: open in trouble: ${labUnavailable}\n`)
else if (noForkUnavailable) process.stderr.write(`skipped: open without a fork: ${noForkUnavailable}\n`)

/** Legacy, iptables-nft and native rules at once, both families. */
const lockout = `iptables-legacy -P INPUT DROP; ip6tables-legacy -A INPUT -j DROP
iptables-legacy -t mangle -A PREROUTING -j DROP; arptables-legacy -P OUTPUT DROP
iptables-nft -P INPUT DROP; ip6tables-nft -A INPUT -j DROP
nft -f - <<'RULES'
table inet fw {
  map ports { type inet_service : verdict; elements = { 22 : drop } }
  chain in { type filter hook input priority 10; policy drop; }
  chain pre { type filter hook prerouting priority mangle; meta mark set 5
    tcp dport vmap @ports
  }
}
RULES`
const addresses = [serverAddress(4), serverAddress(6)]
/** While INPUT dropped neighbour discovery too, the client asks for our address once a second only (RFC 4861 10). */
const neighbourMs = 2_500
const shut = [false, false]
const opened = [true, true]

async function opens(firewall: HostFirewall, prober: Prober): Promise<void> {
  expect(await prober.each(addresses, 250)).toEqual(shut)
  const opening = firewall.open({ scope: "all", hard: false })
  expect(await opening.committed).toMatchObject({ failures: [] })
  expect(await prober.each(addresses, neighbourMs)).toEqual(opened)
  expect(await opening.settled).toMatchObject({ ok: true, changed: true, stillDropping: [] })
  expect(await prober.each(addresses, neighbourMs)).toEqual(opened)
}

async function bench(): Promise<{ lab: Lab; server: Host; prober: Prober; shell: WaitingShell }> {
  const { lab, server, client } = twoHosts()
  await server.serveTcp(22)
  return { lab, server, prober: new Prober(client), shell: new WaitingShell(server) }
}

describe.skipIf(labUnavailable)("an open", () => {
  const labs: Lab[] = []
  afterAll(async () => {
    for (const lab of labs) await lab.close()
  })
  const start = async () => {
    const made = await bench()
    labs.push(made.lab)
    return made
  }

  it.skipIf(noForkUnavailable)("needs no fork, a second one neither", async () => {
    const { lab, server, prober, shell } = await start()
    // Legacy tables are there before, or the first lockout would make them behind the loaders' backs.
    const firewall = await armOn(lab, server)
    await withoutFork(async () => {
      for (let round = 0; round < 2; round++) {
        await shell.run(lockout)
        await opens(firewall, prober)
      }
    })
    expect(server.run(["iptables-legacy", "-t", "mangle", "-S"])).not.toContain("-A")
  })

  it("needs no nft and no iptables on the disk any more, and no lock that a stuck process holds", async () => {
    const { lab, server, prober, shell } = await start()
    const files = await OwnFiles.on(server)
    const firewall = await armOn(lab, server, firewallDeps(server, files.pid))
    const lock = join(lab.folder, "xtables.lock")
    writeFileSync(lock, "")
    const over = join(lab.folder, "over")
    mkdirSync(over)
    files.sh(`mount --bind ${lock} /run/xtables.lock
      mount -t tmpfs none ${over}; mkdir ${over}/upper ${over}/work
      mount -t overlay -o lowerdir=/usr/sbin,upperdir=${over}/upper,workdir=${over}/work none /usr/sbin
      rm /usr/sbin/nft /usr/sbin/xtables-*-multi /usr/sbin/arptables-legacy`)
    const holder = spawn("flock", [lock, "sleep", "infinity"], { stdio: "ignore" })
    lab.own(holder)
    for (let round = 0; round < 2; round++) {
      await shell.run(lockout)
      await opens(firewall, prober)
    }
  })

  it("gets past a stuck holder of the xtables lock also by commands", async () => {
    const { lab, server, prober, shell } = await start()
    const files = await OwnFiles.on(server)
    const lock = join(lab.folder, "xtables.lock")
    writeFileSync(lock, "")
    files.sh(`mount --bind ${lock} /run/xtables.lock`)
    lab.own(spawn("flock", [lock, "sleep", "infinity"], { stdio: "ignore" }))
    const deps = firewallDeps(server, files.pid)
    const noLoaders = () => {
      throw new Error("no loader can be started")
    }
    const firewall = await armOn(lab, server, { ...deps, start: noLoaders })
    expect(firewall.describe().standbys).toEqual([])
    await shell.run(lockout)
    await opens(firewall, prober)
  })

  it.each([
    { without: "nft", gone: /\/nft$/ },
    { without: "nft and every restore", gone: /\/nft$|-restore$/ },
  ])("falls back to what iptables can do without $without, and says that it is not all", async ({ gone }) => {
    const { lab, server, prober, shell } = await start()
    const deps = firewallDeps(server)
    const missing = {
      exitCode: undefined,
      signal: undefined,
      timedOut: false,
      stdout: "",
      stderr: "",
      ok: false,
    }
    const firewall = await armOn(lab, server, {
      ...deps,
      run: async (request) =>
        [request.path, ...request.args].some((word) => gone.test(word))
          ? { ...missing, path: request.path, args: request.args, startError: "ENOENT" }
          : await deps.run(request),
      start: () => {
        throw new Error("no loader can be started")
      },
    })
    await shell.run(`iptables-nft -P INPUT DROP; ip6tables-nft -A INPUT -j DROP; iptables-nft -t mangle -A PREROUTING -j DROP
      iptables-legacy -P INPUT DROP; ip6tables-legacy -t raw -A PREROUTING -j DROP`)
    expect(await prober.each(addresses, 250)).toEqual(shut)
    const opening = firewall.open({ scope: "all", hard: false })
    await opening.committed
    expect(await prober.each(addresses, neighbourMs)).toEqual(opened)
    expect(await opening.settled).toMatchObject({
      ok: false,
      failures: expect.arrayContaining(["nft: cannot list the rules to settle"]),
    })
    expect(await prober.each(addresses, neighbourMs)).toEqual(opened)
    expect(server.sh("iptables-nft -S INPUT; ip6tables-nft -S INPUT")).toBe(
      "-P INPUT ACCEPT\n-P INPUT ACCEPT\n",
    )
  })

  it("works a moment after every loader was killed, and they are back", async () => {
    const { lab, server, prober, shell } = await start()
    const log: string[] = []
    const firewall = await armOn(lab, server, { log: (line) => log.push(line) })
    const loaders = () =>
      firewall
        .describe()
        .standbys.filter(({ program }) => !program.startsWith("arptables"))
        .map(({ pid }) => pid)
    const before = loaders()
    expect(before).toHaveLength(5)
    await shell.run(lockout)
    for (const pid of before) process.kill(pid, "SIGKILL")
    await opens(firewall, prober)
    const after = loaders()
    expect(after).toHaveLength(5)
    expect(after.filter((pid) => before.includes(pid))).toEqual([])
    expect(log.filter((line) => line.includes("SIGKILL"))).toHaveLength(5)
  })

  it("holds against another writer in a loop", async () => {
    const { lab, server, prober, shell } = await start()
    const firewall = await armOn(lab, server)
    const writer = server.start([
      "sh",
      "-c",
      `while :; do for t in iptables-legacy iptables-nft; do
         $t -A FORWARD -p udp --dport 9 -j ACCEPT; $t -D FORWARD -p udp --dport 9 -j ACCEPT; done
         nft add table inet other; nft 'add chain inet other c { type filter hook forward priority 0; }'
         nft add rule inet other c udp dport 9 drop; nft delete table inet other; done`,
    ])
    for (let round = 0; round < 6; round++) {
      await shell.run(lockout)
      const opening = firewall.open({ scope: "all", hard: false })
      await opening.committed
      const report = await opening.settled
      expect(report.stillDropping.filter(({ where }) => !where.includes("inet other"))).toEqual([])
      expect(await prober.each(addresses, neighbourMs)).toEqual(opened)
    }
    writer.kill("SIGKILL")
  })
})
