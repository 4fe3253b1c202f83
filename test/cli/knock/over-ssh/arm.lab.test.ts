import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import type { Printed } from "../../../support/lab/programs.ts"
import { password, sshUnavailable } from "../../../support/lab/ssh-server.ts"
import { SshStage } from "./stage.ts"

if (sshUnavailable) process.stderr.write(`skipped: arming over ssh: ${sshUnavailable}\n`)

const typedTerminal = join(import.meta.dirname, "../../../support/typed-terminal.py")

describe.skipIf(sshUnavailable)("fw-knock arm", () => {
  const stage = new SshStage()
  beforeAll(() => stage.start())
  afterEach(() => stage.clear())
  afterAll(() => stage.lab.close())
  const status = (): Printed => stage.onServer("status", "--json").object

  it.each(["web1", "web6", "bob"])("arms over %s, remembers, and is alive", (name) => {
    const begun = performance.now()
    const { object, stderr } = stage.run("arm", name, "--json", "--", "--timeout", "10m")
    process.stderr.write(`${name}: armed and alive in ${Math.round(performance.now() - begun)} ms\n`)
    expect(stderr).toBe("")
    expect(object).toMatchObject({ event: "armed", code: "done", exitCode: 0, host: name, verdict: "alive" })
    expect(status()).toMatchObject({ provenFromOutside: true, secrets: [{ kind: "one-time" }] })
    expect(Number(status().secondsLeft)).toBeGreaterThan(500)
    expect(readdirSync(join(stage.home, ".config/fw-knock/secrets"))).toEqual([name])
    const record = JSON.parse(readFileSync(join(stage.home, `.config/fw-knock/hosts/${name}.json`), "utf8"))
    expect(record).toMatchObject({ name, port: 2222 })
    // The knock of an emergency wants nothing else.
    stage.server.sh("iptables -P INPUT DROP; iptables -P OUTPUT DROP")
    expect(
      stage.client.try([...stage.words("reset", name).filter((word) => !/^(--ssh|ssh -F.*)$/.test(word))], {
        env: stage.environment(),
      }).code,
    ).toBe(0)
  })

  it("types the password of sudo once, on the terminal", () => {
    const result = stage.client.try(["/usr/bin/python3", typedTerminal, ...stage.words("arm", "ada")], {
      env: { ...stage.environment(), PROMPT: "password for ada" },
      input: `${password}\n`,
    })
    expect(result.stdout).toMatch(/ada: armed, and alive in \d+ms/)
    expect(result.code).toBe(0)
    expect(result.stdout).not.toContain("\x1e")
    expect(result.stdout.match(/password for ada/g)).toHaveLength(1)
  })

  it("says it when it is armed already and hears us, and is refused under another's session", () => {
    expect(stage.run("arm", "web1", "--json").object).toMatchObject({ event: "armed" })
    expect(stage.run("arm", "web1", "--json").object).toMatchObject({ event: "armed-already", exitCode: 0 })
    stage.newHome()
    const refused = stage.run("arm", "web1", "--json").object
    expect(refused).toMatchObject({ code: "refused", exitCode: 1 })
    expect(String(refused.message)).toContain("web1: a session is armed already")
    expect(String(refused.hint)).toContain("fw-knock arm --join web1")
    expect(stage.run("arm", "web1", "--join", "--json").object).toMatchObject({ event: "armed", exitCode: 0 })
    expect(status().secrets).toHaveLength(1)
  })

  it.each([
    ["no such account", ["nosuch@web1"], 4, "ssh does not get in to nosuch@web1"],
    ["no way there", ["root@192.0.2.99"], 4, "ssh does not get in"],
    ["an account that runs nothing", ["nobody@web1"], 77, "no command runs there"],
    ["sudo asks, and no terminal is here", ["carl"], 77, "sudo on carl asks for a password"],
    [
      "an option that arming does not take",
      ["web1", "--", "--timeout", "1"],
      64,
      "does not take these options",
    ],
  ])("changes nothing and says why: %s", (_, args, code, words) => {
    const [target = "", ...more] = args
    const { object } = stage.run("arm", target, "--json", ...more)
    expect([object.exitCode, object.message]).toEqual([code, expect.stringContaining(words)])
    expect(stage.onServer("status").code).toBe(1)
  })

  it("changes nothing where there is no sudo, and the login is not root's", () => {
    const onServer = (command: string): string => stage.client.sh(`${stage.ssh.ssh} web1 '${command}'`)
    onServer("mv /usr/bin/sudo /usr/bin/kept")
    try {
      const { object } = stage.run("arm", "bob", "--json")
      expect(object).toMatchObject({
        code: "permission",
        exitCode: 77,
        message: expect.stringContaining("no sudo on bob"),
      })
      expect(object.hint).toContain("log in as root")
    } finally {
      onServer("mv /usr/bin/kept /usr/bin/sudo")
    }
    expect(stage.onServer("status").code).toBe(1)
  })

  it.each([
    ["is not there", "true", "fw-watchdog is not installed on web1", "fw-knock arm --install web1"],
    [
      "is older",
      "printf '#!/bin/sh\\n[ \"$1\" = --version ] && echo 0.0.9 && exit 0\\nexit 64\\n' >fw-watchdog; chmod +x fw-watchdog",
      "the fw-watchdog on web1 is too old for this: 0.0.9",
      "--install",
    ],
  ])("changes nothing and names --install where fw-watchdog %s", (_, instead, message, hint) => {
    const onServer = (command: string): string =>
      stage.client.sh(`${stage.ssh.ssh} web1 'cd /usr/local/sbin && ${command.replaceAll("'", `'\\''`)}'`)
    onServer("mv fw-watchdog kept")
    try {
      onServer(instead)
      const { object } = stage.run("arm", "web1", "--json")
      expect(object).toMatchObject({
        event: "missing",
        exitCode: 69,
        message: expect.stringContaining(message),
      })
      expect(object.hint).toContain(hint)
    } finally {
      onServer("mv kept fw-watchdog")
    }
    expect(stage.onServer("status").code).toBe(1)
  })

  it("ends, and says that ssh does not get in, also where the session of before hears us", () => {
    expect(stage.run("arm", "web1", "--json").object).toMatchObject({ event: "armed" })
    stage.client.sh("iptables -A OUTPUT -p tcp -j REJECT --reject-with tcp-reset")
    try {
      expect(stage.run("arm", "web1", "--json").object).toMatchObject({ code: "no-answer", exitCode: 4 })
    } finally {
      stage.client.sh("iptables -F OUTPUT")
    }
  })

  it("is armed and not alive where no knock arrives: 4, and no rule is to be changed", () => {
    stage.client.sh("iptables -A OUTPUT -p icmp -j DROP")
    try {
      const { object } = stage.run("arm", "web1", "--json", "--wait", "1s")
      expect(object).toMatchObject({ code: "no-answer", exitCode: 4 })
      expect(object.message).toContain("web1 is armed, and no knock arrives")
      expect(object.hint).toContain("do not change a rule")
      expect(status()).toMatchObject({ provenFromOutside: false })
    } finally {
      stage.client.sh("iptables -F OUTPUT")
    }
  })
})
