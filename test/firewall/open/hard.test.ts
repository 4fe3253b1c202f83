import { describe, expect, it } from "vitest"
import { clearHard, type HardDeps } from "../../../src/firewall/open/hard.ts"
import type { CommandResult } from "../../../src/system/process/run-command.ts"

/** A machine made of texts: what each command prints, what each file holds. */
function machine(answers: Record<string, string>, files: Record<string, string>) {
  const ran: string[] = []
  const written: Record<string, string> = {}
  const deps: HardDeps = {
    run: async ({ path, args, input }): Promise<CommandResult> => {
      const line = [path.split("/").at(-1), ...args].join(" ")
      ran.push(input === undefined ? line : `${line} <<< ${input.replaceAll("\n", "|")}`)
      const stdout = answers[line] ?? ""
      return {
        path,
        args,
        exitCode: 0,
        signal: undefined,
        timedOut: false,
        stdout,
        stderr: "",
        startError: undefined,
        ok: true,
      }
    },
    findProgram: (name) => `/usr/sbin/${name}`,
    readText: (path) => files[path] ?? "",
    writeText: (path, text) => {
      written[path] = text
    },
    listFolder: (path) => [
      ...new Set(
        Object.keys(files)
          .filter((file) => file.startsWith(`${path}/`))
          .map((file) => file.slice(path.length + 1).split("/")[0] ?? ""),
      ),
    ],
  }
  return { deps, ran, written }
}

describe("clearHard", () => {
  it("asks a legacy nat table only where the kernel holds one", async () => {
    const { deps, ran } = machine(
      {},
      { "/proc/net/ip_tables_names": "filter\nnat\n", "/proc/net/ip6_tables_names": "filter\n" },
    )
    await clearHard(deps)
    const restores = ran.filter((line) => line.includes("-legacy-restore"))
    expect(restores).toHaveLength(1)
    expect(restores[0]).toContain(
      "/usr/sbin/iptables-legacy-restore --noflush <<< *nat|:PREROUTING ACCEPT [0:0]|",
    )
    expect(ran).toContain("nft flush ruleset")
  })

  it("stops the service that owns a table, and no process that is no service", async () => {
    const owned =
      "table inet firewalld { # progname firewalld\n\tflags owner\n}\ntable ip other { # progname nft\n}\n"
    const { deps, ran } = machine(
      { "nft -t list ruleset": owned },
      {
        "/proc/812/comm": "firewalld\n",
        "/proc/812/cgroup": "0::/system.slice/firewalld.service\n",
        "/proc/900/comm": "nft\n",
        "/proc/900/cgroup": "0::/user.slice/user-0.slice/session-1.scope\n",
      },
    )
    const report = await clearHard(deps)
    expect(ran.filter((line) => line.startsWith("systemctl"))).toEqual(["systemctl stop firewalld.service"])
    expect(ran.some((line) => line.startsWith("kill"))).toBe(false)
    expect(report.cleared).toEqual(["stopped firewalld.service, which owned table inet firewalld"])
    expect(report.left).toContain("table ip other belongs to nft, which is no service: end it by hand")
  })

  it("never stops the unit it runs in itself, nor one of two that might be meant", async () => {
    const owned = "table inet held { # progname nft\n\tflags owner\n}\n"
    const ours = { "/proc/self/cgroup": "0::/system.slice/fw-watchdog-session.service\n" }
    const process = (pid: number, unit: string) => ({
      [`/proc/${pid}/comm`]: "nft\n",
      [`/proc/${pid}/cgroup`]: `0::/system.slice/${unit}\n`,
    })
    const stopped = async (files: Record<string, string>): Promise<string[]> => {
      const { deps, ran } = machine({ "nft -t list ruleset": owned }, { ...ours, ...files })
      await clearHard(deps)
      return ran.filter((line) => line.startsWith("systemctl"))
    }
    const own = process(10, "fw-watchdog-session.service")
    expect(await stopped(own)).toEqual([])
    expect(await stopped({ ...own, ...process(20, "owner.service") })).toEqual([
      "systemctl stop owner.service",
    ])
    expect(await stopped({ ...own, ...process(20, "a.service"), ...process(30, "b.service") })).toEqual([])
  })

  it("loosens strict reverse path filtering and leaves the rest", async () => {
    const conf = "/proc/sys/net/ipv4/conf"
    const { deps, written } = machine(
      {},
      {
        [`${conf}/all/rp_filter`]: "0\n",
        [`${conf}/eth0/rp_filter`]: "1\n",
        [`${conf}/eth1/rp_filter`]: "2\n",
      },
    )
    await clearHard(deps)
    expect(written).toEqual({ [`${conf}/eth0/rp_filter`]: "2\n" })
  })

  it("names XDP, tcx and cgroup programs, which it cannot take away", async () => {
    const { deps } = machine(
      {
        "ip -j link show": '[{"ifname":"eth0","xdp":{"mode":1}}]',
        "bpftool -j net show": '[{"xdp":[],"tc":[{"devname":"eth0","kind":"tcx/ingress"}]}]',
        "bpftool -j cgroup tree":
          '[{"cgroup":"/sys/fs/cgroup/x","programs":[{"attach_type":"cgroup_inet_ingress"}]}]',
      },
      {},
    )
    expect((await clearHard(deps)).left).toEqual([
      "an XDP program on eth0",
      "a tcx program on eth0",
      "a BPF program on the cgroup /sys/fs/cgroup/x",
    ])
  })

  it("takes every step whatever became of the one before", async () => {
    const { deps, ran } = machine({ "tc -j qdisc show": "not json" }, {})
    const report = await clearHard(deps)
    expect(report.left).toEqual([expect.stringContaining("tc filters could not be listed")])
    expect(ran).toContain("ip -j link show")
  })
})
