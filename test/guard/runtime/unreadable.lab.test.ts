import { chmodSync, copyFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { findTools } from "../../../src/firewall/tools/tool-paths.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, fwApply, fwWatchdog } from "../../support/lab/programs.ts"
import { matrix } from "../../support/matrix.ts"

if (labUnavailable) process.stderr.write(`skipped: a session where a tool cannot list: ${labUnavailable}\n`)

const rules = `
  iptables-nft -A INPUT -p tcp --dport 22 -j DROP
  ip6tables-nft -A INPUT -p tcp --dport 22 -j DROP
  nft 'table inet fw { chain in { type filter hook input priority 5; tcp dport 23 drop; }; }'`

/** nft 1.0.6 dies of listing this rule. */
const deadly =
  "ip6tables-nft -I INPUT -m hashlimit --hashlimit-upto 1mb/s --hashlimit-mode srcip --hashlimit-name h --hashlimit-rate-match"

describe.skipIf(labUnavailable)("a session where nft cannot list", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const mode = join(lab.folder, "mode")
  const [fake, real] = [join(lab.folder, "fake-nft"), join(lab.folder, "nft")]
  const nft = findTools().nft ?? "/usr/sbin/nft"
  copyFileSync(nft, real)
  chmodSync(real, 0o755)
  writeFileSync(
    fake,
    `#!/bin/sh
case "$(cat ${mode}) $*" in
  crash*list*) kill -SEGV $$ ;;
  half*list*) ${real} "$@" | head -c 40; exit 0 ;;
  garbage*list*) echo lorem ipsum; exit 0 ;;
  nothing*list*) exit 0 ;;
esac
exec ${real} "$@"
`,
  )
  chmodSync(fake, 0o755)
  const set = (how: string): void => writeFileSync(mode, how)
  /** In a mount namespace where nft is another program. */
  const within = (program: readonly string[]): string[] => [
    ...["unshare", "--mount", "--propagation", "slave", "sh", "-c"],
    ...[`mount --bind ${fake} ${nft}; exec "$@"`, "sh", ...program],
  ]
  const armed = new ArmedServer(lab, server, within(fwWatchdog))
  const way = async (): Promise<boolean[]> =>
    await Promise.all([
      client.reaches("192.0.2.1", 22),
      client.reaches("2001:db8::1", 22),
      client.reaches("192.0.2.1", 23),
    ])
  const shut = [false, false, false]
  const open = [true, true, true]

  beforeAll(async () => {
    for (const port of [22, 23]) await server.serveTcp(port)
  })
  afterEach(() => {
    set("works")
    armed.try("disarm")
    server.sh("nft flush ruleset")
  })

  it("one rule that nft dies of: opens, and undo brings all of it back", async () => {
    set("works")
    server.sh(`${rules}\n${deadly}`)
    expect(server.try(["nft", "list", "ruleset"]).code, "if nft can list it, this shows nothing").not.toBe(0)
    // The host sends packets of its own when it likes: what policies have counted is not compared.
    const listed = (): string =>
      server
        .sh("iptables-nft-save; ip6tables-nft-save; nft list table inet fw")
        .replace(/^#.*\n|(?<=^:\S+ \S+) \[\d+:\d+\]/gm, "")
    const before = listed()
    expect(await way()).toEqual(shut)
    armed.arm("--timeout", "2m")
    expect(armed.knock(client, "reset", "192.0.2.1").outcome).toMatchObject({ event: "opened", exitCode: 0 })
    expect(await way()).toEqual(open)
    expect(armed.try("undo", "--json").objects.at(-1)).toMatchObject({ event: "rolled-back", code: "done" })
    expect(await way()).toEqual(shut)
    expect(listed()).toBe(before)
  })

  describe.each(matrix(["crash", "half", "garbage", "nothing"], 3))("that does this: %s", (how) => {
    it("says so at arming, opens, and undo wakes what it could not read", async () => {
      set(how)
      server.sh(rules)
      const arming = armed.try("--detach", "--secret-file", armed.secretFile, "--timeout", "2m")
      expect(arming.code).toBe(0)
      expect(arming.stderr).toMatch(/cannot read the rules of nft inet fw/)
      expect(armed.knock(client, "reset", "192.0.2.1").outcome).toMatchObject({ event: "opened" })
      expect(await way()).toEqual(open)
      const undone = armed.try("undo", "--json")
      expect(undone.code).toBe(3)
      expect(undone.objects.at(-1)).toMatchObject({
        event: "rolled-back",
        code: "state-unknown",
        message: expect.stringMatching(/but for nft inet fw, which cannot be read/),
      })
      expect(await way()).toEqual(shut)
    })
  })

  // The ways of failing have been told apart by then; these two are the loudest and the quietest.
  describe.each(matrix(["crash", "nothing"], 2))("that does this: %s", (how) => {
    it("in the middle of a session: the same, and for a rollback knock too", async () => {
      set("works")
      server.sh(rules)
      armed.arm("--timeout", "2m")
      set(how)
      armed.knock(client, "reset", "192.0.2.1")
      expect(await way()).toEqual(open)
      expect(armed.knock(client, "rollback", "192.0.2.1").outcome).toMatchObject({ exitCode: 3 })
      expect(await way()).toEqual(shut)
    })

    it("fw-apply changes nothing, and says why; check says it too", async () => {
      set(how)
      server.sh(rules)
      const file = join(lab.folder, "rules.sh")
      writeFileSync(file, "iptables-nft -A INPUT -p tcp --dport 24 -j DROP\n")
      const applied = server.try(within([...fwApply, file, "--no-confirm", "--json", "--force"]), {
        env: armed.environment,
      })
      expect(applied.code).toBe(1)
      expect(applied.stdout).toMatch(/cannot read the rules of nft inet fw/)
      expect(server.sh("iptables-nft-save")).not.toMatch(/dport 24/)
      const check = server.try(within([...fwWatchdog, "check", "--json"]), { env: armed.environment })
      expect(check.code).toBe(1)
      expect(check.stdout).toMatch(/rules of nft inet fw cannot be read/)
    })
  })

  // The ways of failing are told apart in test/firewall/restore/unreadable.lab.test.ts.
  it.each([
    ["iptables-legacy-save", "iptables-legacy"],
    ["ipset", "ipset"],
  ] as const)(
    "%s crashes: named at arming, by undo and fw-apply; all else opens and comes back",
    async (tool, where) => {
      const path = findTools()[tool]
      if (path === undefined) throw new Error(`${tool} is missing`)
      const bad = join(lab.folder, `bad-${tool}`)
      writeFileSync(bad, "#!/bin/sh\nkill -SEGV $$\n")
      chmodSync(bad, 0o755)
      const crashing = (program: readonly string[]): string[] => [
        ...["unshare", "--mount", "--propagation", "slave", "sh", "-c"],
        // A link of several names: the name itself is covered, not the program behind it.
        ...[
          `cp -a /usr/sbin ${lab.folder}/sbin 2>/dev/null; ln -sf ${bad} ${lab.folder}/sbin/$(basename ${path})
        mount --bind ${lab.folder}/sbin /usr/sbin; exec "$@"`,
          "sh",
          ...program,
        ],
      ]
      const session = new ArmedServer(lab, server, crashing(fwWatchdog))
      server.sh(
        `${rules}; iptables-legacy -A INPUT -p tcp --dport 24 -j DROP; ipset create s hash:ip 2>/dev/null || true`,
      )
      try {
        const arming = session.try("--detach", "--secret-file", session.secretFile, "--timeout", "2m")
        expect([arming.code, arming.stderr]).toEqual([
          0,
          expect.stringContaining(`cannot read the rules of ${where}`),
        ])
        expect(session.knock(client, "reset", "192.0.2.1").outcome).toMatchObject({ event: "opened" })
        expect(await way()).toEqual(open)
        const undone = session.try("undo", "--json")
        expect([undone.code, undone.objects.at(-1)?.message]).toEqual([
          3,
          expect.stringContaining(`but for ${where}`),
        ])
        expect(await way()).toEqual(shut)
        const file = join(lab.folder, "rules-2.sh")
        writeFileSync(file, "iptables-nft -A INPUT -p tcp --dport 24 -j DROP\n")
        const applied = server.try(crashing([...fwApply, file, "--no-confirm", "--json", "--force"]), {
          env: session.environment,
        })
        expect([applied.code, applied.stdout]).toEqual([
          1,
          expect.stringContaining(`cannot read the rules of ${where}`),
        ])
      } finally {
        session.try("disarm")
        server.sh("iptables-legacy -F; ipset destroy s 2>/dev/null || true")
      }
    },
  )
})
