import { chmodSync, readFileSync, writeFileSync } from "node:fs"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { formatSecretLine } from "../../../src/secrets/secret-file.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually, makeSecretFile } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: listeners: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("the listener", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  afterEach(() => {
    armed.try("disarm")
  })
  const alive = (address = "192.0.2.1"): void => {
    expect(armed.knock(client, "probe", address, "--no-check").outcome).toMatchObject({ event: "alive" })
  }
  const replaced = (): number => armed.events().filter(({ event }) => event === "listener-replaced").length

  it("is another one when it was killed, or hangs, and the session goes on", async () => {
    armed.arm("--timeout", "2m")
    for (const [signal, limitMs] of [
      ["SIGKILL", 10_000],
      ["SIGSTOP", 20_000],
    ] as const) {
      const before = armed.status().listenerPid as number
      process.kill(before, signal)
      await eventually(
        `another one after ${signal}`,
        () => {
          const { listenerPid, devices } = armed.status()
          return listenerPid !== before && (devices as string[]).includes("any")
        },
        limitMs,
      )
      alive()
    }
  })

  it("gives way to one that fits when interfaces and addresses come, change and go", async () => {
    armed.arm("--timeout", "2m")
    const { listenerPid } = armed.status()
    const restarts = (): number => armed.events().filter(({ event }) => event === "listener-restarted").length
    const before = restarts()
    const changes: readonly [string, string][] = [
      ["an interface comes", "ip link add more0 type veth peer name more1"],
      ["an address comes", "ip address add 192.0.2.77/24 dev eth0"],
      ["an interface is renamed", "ip link set more0 name other0"],
      ["an interface goes", "ip link delete other0"],
    ]
    for (const [what, command] of changes) {
      const replacements = replaced()
      server.sh(command)
      await eventually(what, () => replaced() > replacements)
      alive()
    }
    alive("192.0.2.77")
    expect(armed.status().listenerPid).not.toBe(listenerPid)
    expect(restarts()).toBe(before) // taken over each time, never lost
    server.sh("ip address delete 192.0.2.77/24 dev eth0")
  })

  it("hears again after a flap, a deletion and a new interface of the same name", async () => {
    for (const heard of [[], ["--interface", "eth0"]]) {
      armed.arm("--timeout", "2m", ...heard)
      server.sh(
        "ip link set eth0 down; sleep 0.3; ip link set eth0 up; ip address replace 2001:db8::1/64 dev eth0 nodad",
      )
      await eventually(
        "a flap",
        () => armed.knock(client, "probe", "192.0.2.1", "--no-check", "--wait", "1s").code === 0,
      )
      server.sh("ip link delete eth0")
      lab.join(server, "eth0", ["192.0.2.1/24", "2001:db8::1/64"], client, "eth0", [
        "192.0.2.2/24",
        "2001:db8::2/64",
      ])
      await eventually(
        "a new interface",
        () => armed.knock(client, "probe", "192.0.2.1", "--no-check", "--wait", "1s").code === 0,
      )
      armed.disarm()
    }
  })

  it("hears its own canary, and nobody else hears of it", async () => {
    server.sh("echo 1 >/proc/sys/net/ipv4/conf/all/log_martians")
    armed.arm("--timeout", "2m")
    await new Promise((resolve) => setTimeout(resolve, 6000))
    expect(armed.status()).toMatchObject({ deaf: false, accepted: 0, rejected: {} })
  })

  it("has new secrets after SIGHUP, and the old ones when the file is bad", async () => {
    armed.arm("--timeout", "2m")
    const guard = armed.status().guardPid as number
    const old = readFileSync(armed.secretFile, "utf8")
    const other = makeSecretFile(lab, "192.0.2.1")
    const event =
      (name: string): (() => boolean) =>
      () =>
        armed.events().some((one) => one.event === name)

    writeFileSync(armed.secretFile, "not a secret\n")
    process.kill(guard, "SIGHUP")
    await eventually("the refusal", event("reload-failed"))
    writeFileSync(armed.secretFile, old)
    alive()

    writeFileSync(
      armed.secretFile,
      `${formatSecretLine({ host: "192.0.2.1", name: "ada", secret: other.secret })}\n`,
    )
    chmodSync(armed.secretFile, 0o600)
    process.kill(guard, "SIGHUP")
    await eventually("the reload", event("reloaded"))
    await eventually(
      "the new listener",
      () => replaced() > 0 && (armed.status().secrets as { name: string }[])[0]?.name === "ada",
    )
    alive()
    writeFileSync(armed.secretFile, old)
    expect(armed.knock(client, "probe", "192.0.2.1", "--no-check", "--wait", "1s").code).toBe(4)
  })
})
