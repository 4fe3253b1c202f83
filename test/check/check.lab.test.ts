import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
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

  it("names what an open leaves alone; nat that carries ssh elsewhere is a problem of the rehearsal too", () => {
    server.sh(`iptables-legacy -t nat -A PREROUTING -p tcp --dport 22 -j REDIRECT --to-ports 9
      iptables-legacy -t mangle -A OUTPUT -j MARK --set-mark 7; ip rule add fwmark 7 prohibit`)
    const { code, objects } = armed.try("check", "--json")
    server.sh("iptables-legacy -t nat -F; iptables-legacy -t mangle -F; ip rule del fwmark 7")
    const notes = objects.filter(({ subject }) => ["port-translation", "routing"].includes(String(subject)))
    expect(notes.map(({ level, subject, message }) => [level, subject, message])).toEqual([
      [
        "note",
        "routing",
        expect.stringContaining("fwmark 0x7: the way back is prohibit; marked by iptables-legacy mangle"),
      ],
      ["note", "port-translation", expect.stringContaining("--dport 22 -j REDIRECT")],
    ])
    expect(code).toBe(1)
  })

  it("says as a note when the listener's user is one that others share", () => {
    const passwd = join(lab.folder, "passwd")
    const others = readFileSync("/etc/passwd", "utf8").replace(/^fw-watchdog:.*\n/m, "")
    const checked = (own: string) => {
      writeFileSync(passwd, `${others}${own}`)
      const inside = `mount --bind ${passwd} /etc/passwd; exec "$@"`
      const run = server.try(
        ["unshare", "--mount", "sh", "-c", inside, "sh", ...armed.command("check", "--json")],
        {
          env: armed.environment,
        },
      )
      const levels = run.stdout
        .split("\n")
        .filter((line) => line.includes('"listener-user"'))
        .map((line) => (JSON.parse(line) as { level: string }).level)
      return [run.code, levels]
    }
    expect(checked("")).toEqual([0, ["note"]])
    expect(checked("fw-watchdog:x:65533:65533::/nonexistent:/usr/sbin/nologin\n")).toEqual([0, []])
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
