import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"

const fwApply = fileURLToPath(new URL("../../../dist/bin/fw-apply.js", import.meta.url))
const conf = "/etc/nftables.conf"
const unavailable =
  labUnavailable ??
  (existsSync("/lib/systemd/system/nftables.service") ? undefined : "nftables.service is not installed")
if (unavailable) process.stderr.write(`skipped: fw-apply --save: ${unavailable}\n`)

/** A machine of its own, with process 1 in its network namespace, and an /etc whose changes vanish with it. */
const machine = ["unshare", "--net", "--pid", "--fork", "--mount", "--mount-proc", "sh", "-ec"]

const script = `
ip link set lo up
ip link add eth0 type veth peer name far
ip address add 192.0.2.1/24 dev eth0
ip link set eth0 up
ip link set far up
mount -t tmpfs tmpfs /mnt
mkdir -m 700 /mnt/up /mnt/work /mnt/run /mnt/state
mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/up,workdir=/mnt/work /etc
printf '#!/usr/sbin/nft -f\\nflush ruleset\\n' >${conf}
cat >/mnt/rules.nft <<'END'
flush ruleset
table inet gate {
	chain in {
		type filter hook input priority filter; policy drop;
		ct state established accept
		tcp dport 22 counter accept
	}
}
END
export RUNTIME_DIRECTORY=/mnt/run STATE_DIRECTORY=/mnt/state
apply() { ${process.execPath} ${fwApply} "$@" --json --from 192.0.2.2 /mnt/rules.nft; }
apply --no-confirm --save
applied=$(nft list ruleset)
nft flush ruleset
nft -f ${conf}
[ "$(nft list ruleset)" = "$applied" ]
apply --no-confirm --save
echo '# mine' >>${conf}
apply --no-confirm --save || echo "exit $?"
sed -i s/22/2222/ /mnt/rules.nft
apply --no-confirm --save --to tcp/2222 || echo "exit $?"
[ "$(nft list ruleset)" = "$applied" ]
ls /etc | grep '^nftables.conf'
`

describe.skipIf(unavailable)("fw-apply --save", () => {
  it("has the rules loaded at the next start, once, and leaves an edited file alone", () => {
    const before = existsSync(conf) ? readFileSync(conf, "utf8") : undefined
    const [program = "", ...args] = machine
    const { status, stdout, stderr } = spawnSync(program, [...args, script], {
      encoding: "utf8",
      timeout: 120_000,
    })
    expect(status, stderr).toBe(0)
    const [first, second, third, exit, fourth, fourthExit, ...files] = stdout.trim().split("\n")
    expect(JSON.parse(first ?? "")).toMatchObject({ event: "applied", changed: true, saved: [conf] })
    expect(JSON.parse(second ?? "")).toMatchObject({ event: "unchanged", changed: false, saved: [] })
    expect(JSON.parse(third ?? "")).toMatchObject({ event: "not-saved", code: "refused" })
    expect(exit).toBe("exit 1")
    // A change that could not be saved is refused before it is made.
    expect(JSON.parse(fourth ?? "")).toMatchObject({ event: "not-saved", code: "refused", changed: false })
    expect(fourthExit).toBe("exit 1")
    expect(files).toEqual(["nftables.conf", expect.stringMatching(/^nftables\.conf\.\d{8}T\d{6}Z$/)])
    expect(existsSync(conf) ? readFileSync(conf, "utf8") : undefined).toBe(before)
  }, 150_000)
})
