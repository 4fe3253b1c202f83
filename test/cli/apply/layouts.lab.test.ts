import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { layouts } from "./layouts.ts"
import { ApplyStage } from "./stage.ts"

if (labUnavailable) process.stderr.write(`skipped: fw-apply beside other programs: ${labUnavailable}\n`)

const noConfirm = ["--no-confirm", "--json"]

/** The head that scripts have: away with all, whatever it is. */
const away = ["iptables", "ip6tables"]
  .flatMap((tool) =>
    ["filter", "nat", "mangle", "raw"].flatMap((table) => [
      `${tool} -t ${table} -F`,
      `${tool} -t ${table} -X`,
    ]),
  )
  .join("\n")

/** A host where all these programs run, whose operator changes his own rules. */
describe.skipIf(labUnavailable)("fw-apply on a busy host", () => {
  const stage = new ApplyStage()
  const { server } = stage
  beforeAll(() => {
    server.serveTcp(22)
    server.sh("iptables -P INPUT ACCEPT; iptables -A INPUT -p tcp --dport 8088 -j ACCEPT")
    for (const { setup } of layouts) server.sh(`set -e\n${setup}`)
  })
  afterAll(() => stage.lab.close())

  /** Every line of every tool, without what packets and time change. */
  const lines = (): Set<string> => {
    const still = (text: string): string =>
      text.replace(/\[\d+:\d+\]|packets \d+ bytes \d+|timeout \d+|expires \S+/g, "").trimEnd()
    const views = [
      ...["filter", "nat", "mangle", "raw"].flatMap((table) =>
        ["iptables", "ip6tables"].map((tool) => `${tool}-save -t ${table}`),
      ),
      ...[...server.sh("nft list tables").matchAll(/^table (\S+ \S+)$/gm)].map(
        ([, table]) => `nft list table ${table}`,
      ),
      "ipset save",
    ]
    return new Set(
      views.flatMap((view) => {
        const where = view.replace(/.*-t |.*table /, "")
        const isNative = view.startsWith("nft")
        const text = server.sh(`${view} 2>/dev/null || true`)
        // The native view of iptables' tables says the same again, in other words.
        if (isNative && /managed by iptables|^ip6? (filter|nat|mangle|raw)$/m.test(where)) return []
        return text
          .split("\n")
          .filter((line) => line !== "" && !/^[#:]|COMMIT/.test(line))
          .map((line) => `${view}: ${still(line)}`)
      }),
    )
  }

  let before: Set<string>
  beforeAll(() => {
    before = lines()
  })
  const own = (port: number): string => `iptables -A INPUT -p tcp --dport ${port} -j ACCEPT`
  const lost = (): string[] => {
    const now = lines()
    return [...before].filter((line) => !now.has(line) && !line.includes("--dport 8088"))
  }
  const names = layouts.flatMap(({ kept }) => kept)

  it("keeps what programs made through -F and -X, and names it", () => {
    const { code, outcome } = stage.run(
      stage.file(`${away}\n${own(22)}\n${own(8089)}\niptables -N gate\niptables -A INPUT -j gate\n`),
      ...noConfirm,
    )
    expect([code, outcome.event]).toEqual([0, "applied"])
    expect(lost()).toEqual([])
    expect(server.sh("iptables -S INPUT")).not.toContain("--dport 8088")
    expect(server.sh("iptables -S INPUT")).toContain("--dport 8089")
    const kept = outcome.keptForeign as string[]
    const emptied = names.filter((name) => /^ip6? (filter|nat|mangle|raw) /.test(name))
    expect(emptied.filter((name) => !kept.includes(name))).toEqual([])
  }, 60_000)

  it("knows what an earlier change made: that goes, by -X too", () => {
    expect(server.sh("iptables -S")).toContain("-N gate")
    const script = stage.file(`${away}\n${own(22)}\n${own(8090)}\n`)
    expect(stage.run(script, ...noConfirm)).toMatchObject({ code: 0, outcome: { event: "applied" } })
    expect(server.sh("iptables -S")).not.toContain("gate")
    expect(lost()).toEqual([])
    expect(stage.run(script, ...noConfirm)).toMatchObject({ code: 0, outcome: { event: "unchanged" } })
  }, 60_000)

  it("keeps it through flush ruleset as well", () => {
    const { code, outcome } = stage.run(
      stage.file(
        "flush ruleset\ntable inet mine {\n\tchain in {\n\t\ttype filter hook input priority 10; policy accept;\n\t\ttcp dport 8091 accept\n\t}\n}\n",
      ),
      ...noConfirm,
    )
    expect([code, outcome.event]).toEqual([0, "applied"])
    expect(lost()).toEqual([])
    // Of what an earlier change made nothing is left.
    expect(server.sh("iptables -S INPUT")).not.toContain("--dport 8090")
    const kept = outcome.keptForeign as string[]
    const tables = names.filter(
      (name) => !/^ipset /.test(name) && !/^ip6? (filter|nat|mangle|raw) /.test(name),
    )
    expect(tables.filter((name) => !kept.includes(name))).toEqual([])
  }, 60_000)

  it("takes it away with --replace-all", () => {
    const script = "nft flush ruleset\nipset destroy\nnft add table inet mine\n"
    const run = stage.run(stage.file(script), ...noConfirm, "--replace-all")
    expect(run).toMatchObject({ code: 0, outcome: { event: "applied", keptForeign: [] } })
    expect(server.sh("nft list ruleset; ipset save").trim().split("\n")).toEqual(["table inet mine {", "}"])
  }, 60_000)
})
