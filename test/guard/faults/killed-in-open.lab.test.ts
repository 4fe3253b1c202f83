import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: a guard killed in an open: ${labUnavailable}\n`)

const table = "nft list table ip filter"

/** When the guard is killed, as a condition of the shell: `$1` is its mark of an open. */
const moments: readonly (readonly [when: string, condition: string])[] = [
  ["when tables sleep", `${table} | grep -q dormant`],
  ["when the rules are kept", `grep -q kept "$1"`],
  [
    "when the rules are gone",
    `grep -qE 'begun|kept' "$1" && rules=$(${table}) && ! echo "$rules" | grep -qE 'dormant|dport 9'`,
  ],
]

describe.skipIf(labUnavailable)("a guard that is killed between an open and its settling", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  beforeAll(() => {
    server.serveTcp(22)
    server.sh("nft 'add table inet own { flags dormant; chain c { type filter hook input priority 0; }; }'")
    // Much to keep, so that there is time between an open and its settling.
    const elements = Array.from({ length: 40_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`).join(", ")
    server.run(["nft", "-f", "/dev/stdin"], {
      input: `table inet much { set s { type ipv4_addr; elements = { ${elements} }; }; }\n`,
    })
  })
  const armed = new ArmedServer(lab, server)
  const rules = (): string => server.sh("iptables-nft -S; iptables-legacy -S; iptables-legacy -t mangle -S")
  afterEach(() => {
    armed.try("disarm")
    server.sh(`for i in iptables-nft iptables-legacy; do $i -P INPUT ACCEPT; $i -F; done; nft 'add table ip filter'
      iptables-legacy -t mangle -F`)
  })
  const cutOff: string[] = []
  const nothing = "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n"

  it.each(moments)(
    "%s is resumed by one that settles, and undo has what was there before",
    async (when, then) => {
      armed.arm("--timeout", "2m")
      expect(armed.knock(client, "probe", "192.0.2.1", "--no-check").outcome).toMatchObject({ pinned: true })
      const lockout = "-P INPUT DROP; $i -A INPUT -p tcp --dport 9 -j ACCEPT"
      server.sh(
        `for i in iptables-nft iptables-legacy; do $i ${lockout}; done; iptables-legacy -t mangle -A INPUT -j DROP`,
      )
      const locked = rules()
      const guard = String(armed.status().guardPid)
      const opening = join(armed.runtimeFolder(), "opening")
      // Once it has settled the moment has passed: killed all the same.
      const until = `until ${then} || grep -q '"event":"opened"' "$3"; do :; done; kill -9 "$2"`
      const events = join(armed.stateFolder(), "events.log")
      server.sh(`: >${events}`)
      const killer = server.start(["sh", "-c", until, "sh", opening, guard, events])
      const killed = new Promise((resolve) => killer.once("exit", resolve))
      armed.knock(client, "reset", "192.0.2.1", "--wait", "1s", "--no-check")
      await killed

      // A moment may be over before it is seen.
      if (readFileSync(opening, "utf8") !== "none ") {
        cutOff.push(when)
        const another = armed.try("--detach", "--json", "--secret-file", armed.secretFile)
        expect([another.code, another.stderr]).toEqual([
          1,
          expect.stringContaining("in the middle of an open"),
        ])
      }
      expect(armed.try("resume").code).toBe(0)
      await eventually("its settling", () => !server.sh(table).includes("dormant"), 30_000)
      await eventually("its end", () => readFileSync(opening, "utf8") === "none ", 30_000)
      expect(server.sh("iptables-nft -S; iptables-legacy -S")).toBe(`${nothing}${nothing}`)
      expect(server.sh("nft list table inet own")).toContain("flags dormant") // that was somebody else
      expect(await client.reaches("192.0.2.1", 22)).toBe(true)
      expect(armed.try("undo").code).toBe(0)
      expect(rules()).toBe(locked)
      expect(await client.reaches("192.0.2.1", 22)).toBe(false)
    },
  )

  it("was killed in the middle at least once", () => {
    expect(cutOff).not.toEqual([])
  })
})
