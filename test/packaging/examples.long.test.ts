import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { type Host, Lab, labUnavailable, type RunResult } from "../support/lab/lab.ts"

const example = (name: string): string =>
  fileURLToPath(new URL(`../../scripts/examples/${name}`, import.meta.url))
const fwApply = fileURLToPath(new URL("../../dist/bin/fw-apply.js", import.meta.url))

const missing = (program: string): string | undefined =>
  labUnavailable ??
  (spawnSync("which", [program]).status === 0
    ? undefined
    : `${program} is not installed (scripts/setup --tests-long)`)
const withoutPuppet = missing("puppet")
if (withoutPuppet) process.stderr.write(`skipped: the Puppet example: ${withoutPuppet}\n`)

const rules = (port: number): string => `#!/bin/sh
iptables -F
iptables -P INPUT DROP
iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
for port in 22 ${port}; do iptables -A INPUT -p tcp --dport $port -j ACCEPT; done
`

const shut = "#!/bin/sh\niptables -F\niptables -P INPUT DROP\n"

// The Ansible one is run by test/ansible/example.long.test.ts.
describe("the examples for automation", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  /** A machine with fw-apply on its PATH, and a way to run a program of the administrator there. */
  function machine(name: string): { host: Host; folder: string; run: (command: string[]) => RunResult } {
    const host = lab.host(name)
    const far = lab.host(`${name}-far`)
    lab.join(host, "eth0", ["192.0.2.1/24"], far, "eth0", ["192.0.2.2/24"])
    const folder = join(lab.folder, name)
    for (const one of ["bin", "home", "run", "state"]) mkdirSync(join(folder, one), { recursive: true })
    for (const one of ["run", "state"]) chmodSync(join(folder, one), 0o700)
    writeFileSync(
      join(folder, "bin/fw-apply"),
      `#!/bin/sh\nRUNTIME_DIRECTORY=${folder}/run STATE_DIRECTORY=${folder}/state exec ${process.execPath} ${fwApply} "$@"\n`,
      { mode: 0o755 },
    )
    const env = {
      PATH: `${folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
      HOME: join(folder, "home"),
      LANG: "C.UTF-8",
    }
    return { host, folder, run: (command) => host.try(command, { env }) }
  }

  const accepts = (host: Host, port: number): boolean => {
    return host.run(["iptables-save"]).includes(`-A INPUT -p tcp -m tcp --dport ${port} -j ACCEPT`)
  }

  it.skipIf(withoutPuppet)(
    "are changed at first and unchanged then: Puppet",
    () => {
      const { host, folder, run } = machine("p")
      const source = join(folder, "firewall.sh")
      const manifest = join(folder, "site.pp")
      const use = `class { 'firewall':
  source => '${source}',
  from   => '192.0.2.2',
  file   => '${folder}/firewall.rules',
  path   => '${folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin',
}
`
      writeFileSync(manifest, readFileSync(example("firewall.pp"), "utf8") + use)
      const apply = (...more: string[]): RunResult =>
        run(
          ["puppet", "apply", "--detailed-exitcodes", "--color=false"]
            .concat(["--confdir", `${folder}/puppet`, "--vardir", `${folder}/puppet/var`, manifest])
            .concat(more),
        )
      writeFileSync(source, rules(80))
      const tried = apply("--noop")
      expect(tried.stdout, tried.stderr).toContain("+ -A INPUT -p tcp -m tcp --dport 80 -j ACCEPT")
      expect(tried.stdout).toMatch(/firewall rules.*\(noop\)/)
      expect(accepts(host, 80)).toBe(false)
      // puppet-apply(8): 2 is changed, 0 is not, 4 and more failed.
      const first = apply()
      expect(first.code, first.stdout + first.stderr).toBe(2)
      expect(accepts(host, 80)).toBe(true)
      const second = apply()
      expect(second.code, second.stdout + second.stderr).toBe(0)
      expect(second.stdout).not.toMatch(/Exec|File/)
      const triedAgain = apply("--noop")
      expect([triedAgain.code, triedAgain.stdout], triedAgain.stderr).toEqual([
        0,
        expect.not.stringMatching(/Exec|File/),
      ])
      writeFileSync(source, shut)
      expect(apply("--noop").stdout).toMatch(/would lock you out/)
      const refused = apply()
      expect(refused.code).toBeGreaterThanOrEqual(4)
      expect(refused.stdout + refused.stderr).toMatch(/would lock you out/)
      expect(accepts(host, 80)).toBe(true)
    },
    300_000,
  )
})
