import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { formatSecretLine } from "../../src/secrets/secret-file.ts"
import { labUnavailable, twoHosts } from "../support/lab/lab.ts"
import { ArmedServer, fwWatchdog } from "../support/lab/programs.ts"
import { publicCopy } from "../support/workstation.ts"

if (labUnavailable) process.stderr.write(`skipped: bad input: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("bad input", () => {
  const { lab, server } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const file = (name: string, text: string, mode = 0o600): string => {
    const path = join(lab.folder, name)
    writeFileSync(path, text)
    chmodSync(path, mode)
    return path
  }
  const secretText = formatSecretLine({ host: "192.0.2.1", name: undefined, secret: armed.secret })
  // A digit of the last group replaced by its neighbour in the alphabet: what a typo looks like.
  const typo = secretText.replace(/.$/, (digit) => (digit === "0" ? "2" : "0"))

  /** Every refusal: one line naming the program, a hint or none, no stack, nothing armed. */
  const refused = (code: number, result: { code: number; stderr: string }, words: string): void => {
    expect(result.stderr).toContain(words)
    expect(result.code).toBe(code)
    expect(result.stderr).not.toMatch(/\n\s+at |Error:|node:internal/)
    const lines = result.stderr.trim().split("\n")
    expect(lines.length).toBeLessThanOrEqual(2)
    for (const line of lines) expect(line).toMatch(/^fw-watchdog: /)
    expect(armed.try("status").code).toBe(1)
  }
  const withSecret = (...args: string[]) => armed.try("--detach", "--secret-file", armed.secretFile, ...args)

  it("on the command line is a usage error", () => {
    refused(64, withSecret("--tiemout", "30m"), "--tiemout")
    expect(withSecret("--tiemout", "30m").stderr).toContain("--timeout")
    refused(64, withSecret("--timeout", "30"), "30")
    refused(64, withSecret("--timeout", "1s"), "1s")
    refused(64, withSecret("--from", "192.0.2.0/33"), "192.0.2.0/33")
    refused(64, withSecret("--on-expiry", "explode"), "explode")
    refused(64, withSecret("--plain", "short"), "--plain")
    refused(64, armed.try("bananas"), "bananas")
    refused(64, armed.try("--detach"), "no terminal")
  })

  it("in names of interfaces and files is found before anything is armed", () => {
    refused(69, withSecret("--interface", "eth7"), "eth7")
    refused(77, armed.try("--detach", "--secret-file", join(lab.folder, "nowhere")), "nowhere")
    refused(78, armed.try("--detach", "--secret-file", file("open", `${secretText}\n`, 0o644)), "0644")
    refused(78, armed.try("--detach", "--secret-file", file("empty", "# nothing\n")), "no secret")
    refused(78, armed.try("--detach", "--secret-file", file("typo", `\n${typo}\n`)), "line 2")
    refused(
      78,
      armed.try("--detach", "--secret-file", file("twice", `${secretText}\nb ${secretText.split(" ")[1]}\n`)),
      "same secret",
    )
  })

  it("never shows the secret", () => {
    const said = armed.try("--detach", "--secret-file", file("typo2", `${typo}\n`)).stderr
    for (const group of (typo.split(" ")[1] ?? "").split("-").slice(1)) expect(said).not.toContain(group)
  })

  it("without root is a permission error", () => {
    const path = file("readable", `${secretText}\n`)
    server.run(["chown", "65534", path])
    chmodSync(lab.folder, 0o755)
    const result = server.try(
      [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        ...publicCopy(lab, "fw-watchdog"),
        "--detach",
        "--secret-file",
        path,
      ],
      { env: armed.environment },
    )
    refused(77, result, "root")
  })

  it("a machine without libpcap, setpriv or any firewall tool cannot arm, and says what is missing", () => {
    const hiding = (paths: string) =>
      server.try(
        [
          "unshare",
          "--mount",
          "sh",
          "-c",
          `for file in ${paths}; do mount --bind /dev/null "$(readlink -f "$file")" || exit 99; done; exec "$@"`,
          "sh",
          ...fwWatchdog,
          "--detach",
          "--secret-file",
          armed.secretFile,
        ],
        { env: armed.environment },
      )
    const pcapLibrary = server
      .run(["sh", "-c", "ldconfig -p | sed -n 's/.*libpcap.so.0.8 .*=> //p' | head -1"])
      .trim()
    expect(pcapLibrary).not.toBe("")
    refused(69, hiding(pcapLibrary), "libpcap")
    refused(69, hiding("/usr/bin/setpriv"), "setpriv")
    refused(
      69,
      hiding("/usr/sbin/nft /usr/sbin/*tables-legacy /usr/sbin/xtables-nft-multi"),
      "nft or iptables",
    )
  })
})
