import { afterAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../support/lab/lab.ts"
import { ArmedServer } from "../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: check: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("fw-watchdog check", () => {
  const { lab, server } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const inForce = (): string => server.sh("nft list ruleset; iptables-legacy-save 2>/dev/null | grep -v '^#'")

  it("says yes on a host without rules, having heard itself and rehearsed an open", () => {
    const { code, objects } = armed.try("check", "--json")
    expect(objects.filter((finding) => finding.level === "problem")).toEqual([])
    expect(objects.find((finding) => finding.subject === "hearing")).toMatchObject({ level: "ok" })
    expect(objects.find((finding) => finding.subject === "rehearsal")).toMatchObject({ level: "ok" })
    expect(objects.at(-1)).toMatchObject({ event: "checked", code: "done" })
    expect(code).toBe(0)
  })

  it("says yes behind a lockout too, names what an open would take away, and changes nothing", () => {
    server.sh("iptables-nft -P INPUT DROP; iptables-nft -P OUTPUT DROP; iptables-legacy -A INPUT -j DROP")
    const before = inForce()
    const { code, objects } = armed.try("check", "--json")
    const opened = objects
      .filter((finding) => finding.subject === "would-open")
      .map((finding) => finding.message)
    expect(opened.join("\n")).toContain("INPUT (policy drop)")
    expect(opened.join("\n")).toContain("iptables-legacy: filter INPUT")
    expect(code).toBe(0)
    expect(inForce()).toBe(before)
  })

  it("says no where nothing can be heard, in a line for people and with exit code 1", () => {
    const blind = server.try(
      [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount --bind /dev/null /usr/bin/setpriv; exec "$@"',
        "sh",
        ...armed.command("check"),
      ],
      { env: armed.environment },
    )
    expect(blind.code).not.toBe(0)
    expect(blind.stderr + blind.stdout).toContain("setpriv")
  })
})
