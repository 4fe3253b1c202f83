import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { formatSecretLine } from "../../../src/secrets/secret-file.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, fwApply, fwKnock, fwWatchdog } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: the lines to paste: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("the lines that arming prints on a terminal", { timeout: 120_000 }, () => {
  const { lab, server, client } = twoHosts()
  const armed = new ArmedServer(lab, server)
  const home = join(lab.folder, "ada")
  const standing = join(lab.folder, "standing")
  beforeAll(async () => {
    await server.serveTcp(22)
    mkdirSync(home)
    const secret = armed.secret
    writeFileSync(standing, `${formatSecretLine({ host: "web1", name: "ada", secret })}\n`, { mode: 0o600 })
  })
  afterEach(() => {
    armed.try("disarm")
    server.run(["nft", "flush", "ruleset"])
  })
  afterAll(() => lab.close())

  /** What a command shows on a terminal of its own. */
  function shownBy(...command: readonly string[]): string {
    const line = command.map((word) => `'${word}'`).join(" ")
    const result = server.try(["script", "-qefc", line, "/dev/null"], { env: armed.environment })
    expect([result.code, result.stdout]).toEqual([0, expect.any(String)])
    return result.stdout.replaceAll("\r", "")
  }
  const linesWith = (word: string, text: string): string[] =>
    text
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line.startsWith(word))

  it("work as they stand, and name the host that the secret's line names", () => {
    const shown = shownBy(...fwWatchdog, "--detach")
    const [secretLine = "", ...others] = linesWith("192.0.2.1 fwk1-", shown)
    expect(others).toEqual([])
    const commands = linesWith("fw-knock", shown)
    expect(commands).toEqual(["remember", "probe", "reset"].map((verb) => `fw-knock ${verb} 192.0.2.1`))
    for (const [index, command] of commands.entries()) {
      const [, ...args] = command.split(" ")
      const env = { PATH: process.env.PATH, HOME: home }
      const result = client.try([...fwKnock, ...args], { env, ...(index === 0 ? { input: secretLine } : {}) })
      expect([command, result.code, result.stderr]).toEqual([command, 0, expect.any(String)])
    }
  })

  it("have the filter and a ready-made knock with --verbose only", () => {
    const short = shownBy(...fwWatchdog, "--detach")
    expect(short).not.toMatch(/filter:|firewall:|nping/)
    expect(short.trim().split("\n").length).toBeLessThanOrEqual(12)
    armed.try("disarm")
    const long = shownBy(...fwWatchdog, "--detach", "--verbose")
    expect(long).toMatch(/: filter: \(icmp/)
    expect(long).toMatch(/: firewall: .*nft/)
    const [line = ""] = linesWith("nping", long)
    expect(line).toMatch(/^nping --icmp -c 1 --data [0-9a-f]{256} 192\.0\.2\.1$/)
  })

  it("name the host of a standing secret, of fw-apply too", () => {
    const shown = shownBy(...fwWatchdog, "--detach", "--secret-file", standing)
    expect(linesWith("fw-knock", shown)).toEqual(["fw-knock probe web1", "fw-knock reset web1"])
    const rules = join(lab.folder, "rules.sh")
    writeFileSync(rules, "iptables-nft -A INPUT -s 198.51.100.1 -j DROP\n")
    const from = ["--from", "192.0.2.2", "--to", "tcp/22", "--detach"]
    const joined = shownBy(...fwApply, rules, ...from)
    expect(joined).toMatch(/ssh -t -S none \S+@192\.0\.2\.1 /)
    expect(joined).toMatch(/ or {3}fw-knock confirm web1\n/)
    expect(server.try([...fwApply, "rollback"], { env: armed.environment }).code).toBe(0)
    armed.disarm()
    expect(shownBy(...fwApply, rules, ...from, "--secret-file", standing)).toMatch(
      / or {3}fw-knock confirm web1\n/,
    )
  })
})
