import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { beforeOpen } from "../../../src/firewall/open/rules-before-open.ts"
import { restoreSnapshot } from "../../../src/firewall/restore/restore.ts"
import { compareSnapshots } from "../../../src/firewall/snapshot/compare.ts"
import { type Snapshot, takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { firewallOf } from "../../support/firewall/lab-firewall.ts"
import { armOn } from "../../support/firewall/on-host.ts"
import { type Host, Lab, labUnavailable } from "../../support/lab/lab.ts"
import { matrix } from "../../support/matrix.ts"

if (labUnavailable) process.stderr.write(`skipped: the order of base chains: ${labUnavailable}\n`)

/** Two tables whose chains run at one place: whichever runs first decides, and a packet shows which. */
const pairs: readonly { name: string; one: string; other: string }[] = [
  {
    name: "iptables drops, inet rejects",
    one: "iptables-nft -A INPUT -p tcp --dport 9 -j DROP",
    other: `nft 'table inet fw { chain in { type filter hook input priority 0; tcp dport 9 reject with tcp reset; }; }'`,
  },
  {
    name: "two native tables, one with a set and a chain of its own",
    one: `nft 'table inet a { set s { type inet_service; elements = { 9 }; }; chain c { tcp dport @s drop; };
            chain in { type filter hook input priority 0; jump c; }; }'`,
    other: `nft 'table ip b { chain in { type filter hook input priority 0; tcp dport 9 reject with tcp reset; }; }'`,
  },
  {
    name: "iptables redirects to one port, a native table to another",
    one: `iptables-nft -t nat -A PREROUTING -p tcp --dport 9 -j REDIRECT --to-ports 22
          iptables-nft -P INPUT DROP; iptables-nft -A INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset; iptables-nft -A INPUT -p tcp --dport 24 -j DROP`,
    other: `nft 'table ip n { chain p { type nat hook prerouting priority dstnat; tcp dport 9 redirect to :24; }; }'`,
  },
  {
    name: "iptables and a native table with xt matches in front",
    one: "iptables-nft -A INPUT -p tcp --dport 9 -m recent --name r --set -j DROP",
    other: `nft 'table inet fw { chain in { type filter hook input priority 0; tcp dport 9 reject with tcp reset; }; }'`,
  },
  {
    name: "both families of iptables beside one inet table",
    one: "iptables-nft -A INPUT -p tcp --dport 9 -j DROP; ip6tables-nft -A INPUT -p tcp --dport 9 -j DROP",
    other: `nft 'table inet fw { chain in { type filter hook input priority 0; tcp dport 9 reject with tcp reset; }; }'
            nft 'table inet more { chain in { type filter hook input priority 0; udp dport 9 drop; }; }'`,
  },
]

describe.skipIf(labUnavailable)("the order of base chains at one hook", () => {
  const lab = new Lab()
  const server = lab.host("server")
  const client = lab.host("client")
  lab.join(server, "eth0", ["192.0.2.1/24"], client, "eth0", ["192.0.2.2/24"])
  afterAll(() => lab.close())

  /** Whether somebody refuses, or nobody answers. */
  const answer = (host: Host): string => {
    const tried = host.try(["timeout", "2", "bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/9"])
    return tried.code === 124 ? "timeout" : /refused/i.test(tried.stderr) ? "refused" : tried.stderr
  }

  describe.each(matrix(pairs, 2))("$name", ({ one, other }) => {
    const answers: string[] = []
    afterAll(() => expect(answers.toSorted(), "the order decides").toEqual(["refused", "timeout"]))

    it.each([
      ["the first is older", [one, other]],
      ["the second is older", [other, one]],
    ])("%s", async (_, scripts) => {
      const deps = firewallOf(server)
      const restore = (to: Snapshot): ReturnType<typeof restoreSnapshot> =>
        restoreSnapshot(deps, to, { folder: join(lab.folder, "restore") })
      server.sh(`nft flush ruleset\n${scripts.join("\n")}`)
      const before = await takeSnapshot(deps, "before")
      const said = answer(client)
      answers.push(said)
      const isBack = async (how: string): Promise<void> => {
        expect(compareSnapshots(before, await takeSnapshot(deps, "after"), "ignored"), how).toEqual([])
        expect(answer(client), how).toBe(said)
      }

      let kept: Snapshot | undefined
      const firewall = await armOn(lab, server, {
        keep: async (opened) => {
          kept = beforeOpen(await takeSnapshot(deps, "open"), opened)
        },
      })
      expect(await firewall.open({ scope: "all", hard: false }).settled).toMatchObject({ ok: true })
      firewall.close()
      if (kept === undefined) throw new Error("nothing was kept")
      expect(await restore(kept)).toMatchObject({ ok: true })
      await isBack("undo")

      server.sh("nft flush ruleset")
      expect(await restore(before)).toMatchObject({ ok: true })
      await isBack("all gone")

      // One table is made anew, as `iptables-restore` and `nft -f` do: it runs first from then on.
      const [first = ""] = scripts
      const table = /table (\w+ \w+)/.exec(first)?.[1]
      server.sh(
        table === undefined
          ? "iptables-nft-save | iptables-nft-restore"
          : `nft delete table ${table}; ${first}`,
      )
      expect(await restore(before)).toMatchObject({ ok: true })
      await isBack("one made anew")

      server.sh("iptables-nft -F; iptables-nft -t nat -F; iptables-nft -P INPUT ACCEPT")
      expect(await restore(before)).toMatchObject({ ok: true })
      await isBack("iptables -F")
    })
  })
})
