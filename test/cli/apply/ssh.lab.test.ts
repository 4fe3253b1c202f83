import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { type Host, labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually, fwApply } from "../../support/lab/programs.ts"

const sshd = "/usr/sbin/sshd"
const unavailable = labUnavailable ?? (existsSync(sshd) ? undefined : "openssh-server is not installed")
if (unavailable) process.stderr.write(`skipped: confirming over ssh: ${unavailable}\n`)

/** sshd with keys and a configuration of its own. @returns the words of an ssh client that it lets in as root */
async function serveSsh(server: Host, client: Host, folder: string): Promise<readonly string[]> {
  mkdirSync(folder)
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 }) // sshd wants it for its unprivileged half
  const [hostKey, key, config, known] = ["host", "key", "config", "known"].map((name) => join(folder, name))
  for (const file of [hostKey, key])
    server.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", `${file}`])
  writeFileSync(
    `${config}`,
    [
      "Port 22",
      `HostKey ${hostKey}`,
      `AuthorizedKeysFile ${key}.pub`,
      "PidFile none",
      "StrictModes no",
      "UsePAM no",
      "PermitRootLogin prohibit-password",
      "UseDNS no",
    ].join("\n"),
  )
  server.start([sshd, "-D", "-f", `${config}`, "-E", join(folder, "log")])
  await eventually("sshd", () => client.reaches("192.0.2.1", 22))
  const options = [
    "StrictHostKeyChecking=no",
    `UserKnownHostsFile=${known}`,
    "BatchMode=yes",
    "ConnectTimeout=3",
  ]
  return ["ssh", "-F", "none", "-i", `${key}`, ...options.flatMap((option) => ["-o", option])]
}

const rules = `iptables -P INPUT DROP
iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -p tcp --dport 22 -j ACCEPT
`

describe.skipIf(unavailable)("a change made and confirmed over ssh", () => {
  const { lab, server, client } = twoHosts()
  const armed = new ArmedServer(lab, server)
  const master = join(lab.folder, "master")
  const file = join(lab.folder, "rules.sh")
  let ssh: readonly string[] = []

  beforeAll(async () => {
    ssh = await serveSsh(server, client, join(lab.folder, "ssh"))
    writeFileSync(file, rules)
    client.run([...ssh, "-M", "-S", master, "-f", "-N", "root@192.0.2.1"])
  })
  afterEach(() => {
    armed.try("disarm")
    server.sh("nft flush ruleset")
  })
  afterAll(() => lab.close())

  const remote = (...args: string[]): string => {
    const { RUNTIME_DIRECTORY, STATE_DIRECTORY } = armed.environment
    const set = [`RUNTIME_DIRECTORY=${RUNTIME_DIRECTORY}`, `STATE_DIRECTORY=${STATE_DIRECTORY}`]
    return ["env", ...set, ...fwApply, ...args].join(" ")
  }
  const over = (socket: string, ...args: string[]) =>
    client.try([...ssh, "-S", socket, "root@192.0.2.1", remote(...args)])
  const apply = (socket: string, within: string) => {
    const child = client.start([
      ...[...ssh, "-S", socket, "root@192.0.2.1"],
      remote(file, "--confirm-within", within, "--secret-file", armed.secretFile),
    ])
    const seen = { text: "", code: undefined as number | undefined }
    child.stderr?.on("data", (chunk) => {
      seen.text += String(chunk)
    })
    child.once("exit", (code) => {
      seen.code = code ?? -1
    })
    return { child, seen }
  }
  const inForce = (): boolean => server.try(["iptables-nft", "-S", "INPUT"]).stdout.includes("-P INPUT DROP")

  it("is kept over a new connection only, never over the master that was there", async () => {
    const { seen } = apply(master, "60s")
    await eventually("the change", () => seen.text.includes("fw-apply confirm"), 60_000)
    expect(inForce()).toBe(true)
    // The way in was found by the login itself.
    expect(seen.text).toContain("a new connection over IPv4 still gets in")
    const old = over(master, "confirm", "--json")
    expect([old.code, old.stderr]).toEqual([1, ""])
    expect(JSON.parse(old.stdout)).toMatchObject({ event: "confirm-refused", changed: false })
    expect(over("none", "confirm").code).toBe(0)
    await eventually("its end", () => seen.code !== undefined)
    expect(seen.code).toBe(0)
    expect(inForce()).toBe(true)
    await eventually("the end of its session", () => armed.try("status").code === 1)
  }, 120_000)

  it("goes back when ssh is killed, and nobody confirms", async () => {
    const { child, seen } = apply("none", "8s")
    await eventually("the change", () => seen.text.includes("fw-apply confirm"), 60_000)
    expect(inForce()).toBe(true)
    child.kill("SIGKILL")
    await eventually("the rollback", () => !inForce(), 30_000)
    await eventually("the end of its session", () => armed.try("status").code === 1)
  }, 120_000)
})
