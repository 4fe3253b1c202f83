import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { deriveKeys } from "../../src/knock/keys.ts"
import { encodeRequest } from "../../src/knock/request.ts"
import { sendEchoes } from "../support/lab/echo-sender.ts"
import { type Host, Lab, labUnavailable, twoHosts } from "../support/lab/lab.ts"
import { ArmedServer, eventually, fwWatchdog } from "../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: sessions: ${labUnavailable}\n`)

const reaches = (client: Host): Promise<boolean> => client.reaches("192.0.2.1", 22)
const lock = (server: Host): string => server.run(["iptables-nft", "-P", "INPUT", "DROP"])

describe.skipIf(labUnavailable)("a session", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const resetNow = (): Uint8Array =>
    encodeRequest(deriveKeys(armed.secret), {
      verb: "reset",
      oneWay: true,
      hard: false,
      clientTimeMs: Date.now(),
      nonce: new Uint8Array(randomBytes(16)),
      challenge: undefined,
    })

  beforeAll(async () => {
    await server.serveTcp(22)
  })
  beforeEach(() => {
    server.run(["iptables-nft", "-P", "INPUT", "ACCEPT"])
  })
  afterEach(() => {
    armed.try("disarm") // one that failed before its own disarm must not fail the next
  })

  it("ends by itself when its time is up, and a knock after that does nothing", async () => {
    armed.arm("--timeout", "10s")
    expect(armed.status().secondsLeft).toBeGreaterThan(5)
    await eventually("the expiry", () => armed.try("status").code === 1, 13_000)
    expect(armed.events().at(-1)).toMatchObject({ event: "expired", code: "done" })
    lock(server)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    sendEchoes(client, "192.0.2.1", [{ data: resetNow() }])
    const late = armed.knock(client, "reset", "192.0.2.1", "--wait", "1s")
    expect(late.code).toBe(4)
    expect(await reaches(client)).toBe(false)
    expect(server.pids()).toHaveLength(1) // the TCP service; guard and listener are gone
  })

  it("opens when its time is up if that was asked for", async () => {
    armed.arm("--timeout", "10s", "--on-expiry", "reset")
    lock(server)
    expect(await reaches(client)).toBe(false)
    await eventually("the expiry", () => armed.try("status").code === 1, 13_000)
    expect(await reaches(client)).toBe(true)
  })

  it("goes on listening after an open, until it is disarmed", async () => {
    armed.arm("--timeout", "1m")
    for (let i = 1; i <= 2; i += 1) {
      lock(server)
      expect(armed.knock(client, "reset", "192.0.2.1").code).toBe(0)
      expect(armed.status().opens).toBe(i)
    }
    armed.disarm()
    expect(armed.try("status").code).toBe(1)
    expect(armed.try("disarm").code).toBe(1)
  })

  it("reports what locks again after an open, once, and counts it in later answers", async () => {
    armed.arm("--timeout", "1m")
    lock(server)
    expect(armed.knock(client, "reset", "192.0.2.1").code).toBe(0)
    await eventually("its settling", () => armed.status().opens === 1)
    lock(server)
    await eventually("the report", () => armed.status().reLocks === 1)
    const reports = armed.events().filter(({ event }) => event === "re-locked")
    expect(reports.at(-1)?.dropping).toEqual(["nft: ip filter INPUT (policy drop)"])
    expect(armed.knock(client, "probe", "192.0.2.1", "--no-check").outcome).toMatchObject({ reLocks: 1 })
  })

  it("is the last to die when memory runs out and the first to run, and its listener is not", async () => {
    armed.arm("--timeout", "1m")
    const { guardPid, listenerPid } = armed.status()
    const score = (pid: unknown): string => readFileSync(`/proc/${pid}/oom_score_adj`, "utf8").trim()
    const mayLower = server.try(["sh", "-c", "echo -1000 >/proc/self/oom_score_adj"]).code === 0
    if (!mayLower)
      process.stderr.write(
        "skipped: oom_score_adj: this kernel or container gives root no CAP_SYS_RESOURCE\n",
      )
    expect([score(guardPid), score(listenerPid)]).toEqual([mayLower ? "-1000" : "0", "0"])
    // Nice, real-time priority and policy: proc(5), /proc/pid/stat.
    const scheduled = (pid: unknown): string[] => {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? []
      return [16, 37, 38].map((at) => fields[at] ?? "")
    }
    const [normal, roundRobin] = ["0", "2"]
    await eventually("real time", () => scheduled(guardPid)[2] === roundRobin)
    expect(scheduled(guardPid)).toEqual(["-10", "1", roundRobin])
    const standbys = armed.status().standbys as { program: string; pid: number }[]
    expect(standbys.map(({ program }) => program)).toContain("nft")
    for (const { pid } of standbys) expect([pid, ...scheduled(pid).slice(1)]).toEqual([pid, "2", roundRobin])
    expect(scheduled(listenerPid)).toEqual(["0", "0", normal])
    // What the guard starts from now on, a second listener among it, begins as everybody does.
    process.kill(Number(listenerPid), "SIGKILL")
    await eventually(
      "another listener",
      () => ![listenerPid, 0].includes(armed.status().listenerPid as number),
    )
    await eventually("its beginning", () => scheduled(armed.status().listenerPid)[0] === "0")
    expect(scheduled(armed.status().listenerPid)).toEqual(["0", "0", normal])
  })

  // `arptables-legacy --version` makes the kernel load its module and hold a table.
  it("makes no legacy tables by arming", () => {
    const tables = (): string => client.sh("cat /proc/net/*_tables_names")
    const other = new ArmedServer(lab, client)
    expect(tables()).toBe("")
    other.arm("--timeout", "1m")
    expect(tables()).toBe("")
    other.disarm()
  })

  it("touches nothing in a dry run, and says so to the knocker", async () => {
    armed.arm("--timeout", "1m", "--dry-run")
    lock(server)
    const reset = armed.knock(client, "reset", "192.0.2.1", "--no-check")
    expect(reset.outcome).toMatchObject({ event: "dry-run" })
    expect(await reaches(client)).toBe(false)
    armed.disarm()
  })

  it("is one in a network namespace: a second arming is refused", () => {
    armed.arm("--timeout", "1m")
    const second = armed.try("--detach", "--json", "--secret-file", armed.secretFile)
    expect(second.code).toBe(1)
    expect(second.stderr).toMatch(/armed already in this network namespace: by \S+, (?:\d+[smh] ?)+ left/)
    expect(armed.status().listenerStarts).toBe(1)
    armed.disarm()
  })

  it("leaves nat rules and user chains alone, and takes rules and policies away", async () => {
    armed.arm("--timeout", "1m")
    for (const tool of ["iptables-nft", "iptables-legacy", "ip6tables-nft"])
      server.sh(
        `${tool} -N keep-me; ${tool} -A keep-me -j ACCEPT; ${tool} -A INPUT -p tcp --dport 9 -j keep-me; ${tool} -P INPUT DROP
         ${tool} -t nat -A POSTROUTING -o nowhere0 -j MASQUERADE`,
      )
    expect(armed.knock(client, "reset", "192.0.2.1").code).toBe(0)
    for (const tool of ["iptables-nft", "iptables-legacy", "ip6tables-nft"]) {
      const filter = server.run([tool, "-S"])
      expect(filter).toContain("-N keep-me")
      expect(filter).toContain("-P INPUT ACCEPT")
      expect(filter).not.toContain("-A INPUT")
      expect(server.run([tool, "-t", "nat", "-S"])).toContain("-A POSTROUTING -o nowhere0 -j MASQUERADE")
    }
    armed.disarm()
    server.sh("iptables-legacy -t nat -F; iptables-legacy -F; iptables-legacy -X keep-me")
  })

  it("takes a knock over loopback, and none that this host sends to another", async () => {
    armed.arm("--timeout", "1m")
    server.run(["iptables-nft", "-P", "INPUT", "DROP"])
    sendEchoes(server, "192.0.2.2", [{ data: resetNow() }])
    await eventually("its refusal", () => {
      const rejected = armed.status().rejected as Record<string, number>
      return Object.keys(rejected).some((reason) =>
        ["screen/not-for-this-host", "link/outgoing"].includes(reason),
      )
    })
    expect(armed.status().opens).toBe(0)
    const over = armed.knock(server, "reset", "127.0.0.1", "--no-check")
    expect(over.code).toBe(0)
    expect(armed.status().opens).toBe(1)
    expect(armed.status().provenFromOutside).toBe(false)
    armed.disarm()
  })

  it("accepts knocks only from --from and hears only --interface", async () => {
    armed.arm("--timeout", "1m", "--from", "198.51.100.0/24", "--interface", "eth0")
    expect(armed.status().devices).toEqual(["eth0"])
    expect(armed.knock(client, "probe", "192.0.2.1", "--wait", "1s", "--no-check").code).toBe(4)
    armed.disarm()
    armed.arm("--timeout", "1m", "--from", "192.0.2.0/24", "--interface", "eth0")
    expect(armed.knock(client, "probe", "192.0.2.1", "--no-check").code).toBe(0)
    expect(armed.status().provenFromOutside).toBe(true)
    armed.disarm()
  })

  it("shows a line for a workstation that has only nping, and it opens once", async () => {
    const viewer = server.start(
      ["script", "-qc", [...fwWatchdog, "--timeout", "1m", "--verbose"].join(" "), "/dev/null"],
      { env: { ...process.env, ...armed.environment }, stdin: "pipe" },
    )
    let said = ""
    viewer.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString()
    })
    await eventually("the line", () => /nping .*192\.0\.2\.1/.test(said))
    const line = /nping (--icmp -c 1 --data [0-9a-f]{256}) 192\.0\.2\.1/.exec(said)?.[1] ?? ""
    lock(server)
    expect(await reaches(client)).toBe(false)
    client.run(["nping", ...line.split(" "), "192.0.2.1"])
    await eventually("the open", () => armed.status().opens === 1)
    expect(await reaches(client)).toBe(true)
    lock(server)
    client.run(["nping", ...line.split(" "), "192.0.2.1"])
    expect(await reaches(client)).toBe(false)
    expect(armed.status().opens).toBe(1)
  })

  it("goes on when the terminal of its foreground viewer is closed", async () => {
    const viewer = server.start(
      ["script", "-qc", [...fwWatchdog, "--timeout", "1m"].join(" "), "/dev/null"],
      {
        env: { ...process.env, ...armed.environment },
        stdin: "pipe",
      },
    )
    await eventually("arming", () => armed.try("status").code === 0)
    viewer.kill("SIGKILL") // the terminal's other end is gone; the kernel sends SIGHUP to the viewer
    await new Promise((resolve) => setTimeout(resolve, 1000))
    expect(armed.status().secrets).toEqual([{ kind: "one-time", host: "192.0.2.1", name: "" }])
    armed.disarm()
  })
})

describe.skipIf(labUnavailable)("a knock on its way through", () => {
  it("does nothing to the router that forwards it", async () => {
    const lab = new Lab()
    try {
      const router = lab.host("router")
      const near = lab.host("near")
      const far = lab.host("far")
      lab.join(router, "eth0", ["192.0.2.1/24"], near, "eth0", ["192.0.2.2/24"])
      lab.join(router, "eth1", ["198.51.100.1/24"], far, "eth0", ["198.51.100.2/24"])
      router.sh("echo 1 >/proc/sys/net/ipv4/ip_forward")
      near.run(["ip", "route", "add", "default", "via", "192.0.2.1"])
      far.run(["ip", "route", "add", "default", "via", "198.51.100.1"])
      const armed = new ArmedServer(lab, router)
      armed.arm("--timeout", "1m", "--plain", "reset-iptables")
      sendEchoes(near, "198.51.100.2", [{ data: new TextEncoder().encode("reset-iptables") }])
      await eventually("its refusal", () => {
        const rejected = armed.status().rejected as Record<string, number>
        return (rejected["screen/not-for-this-host"] ?? 0) > 0
      })
      expect(armed.status()).toMatchObject({ opens: 0, accepted: 0 })
    } finally {
      await lab.close()
    }
  })
})
