import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { eventually } from "../../support/lab/programs.ts"
import { ApplyStage } from "./stage.ts"

if (labUnavailable) process.stderr.write(`skipped: cases from the field: ${labUnavailable}\n`)

/** Inputs from the field that once came out wrong, as they were handed in. */
describe.skipIf(labUnavailable)("fw-apply with what people have", () => {
  const stage = new ApplyStage()
  const { server, armed } = stage
  beforeAll(() => server.serveTcp(22))
  afterEach(() => {
    armed.try("disarm")
    server.sh("nft flush ruleset")
  })
  afterAll(() => stage.lab.close())

  const named = (name: string, text: string): string => {
    const path = join(stage.lab.folder, name)
    writeFileSync(path, text)
    return path
  }
  const apply = (file: string, ...args: string[]) => stage.run(file, "--no-confirm", "--json", ...args)
  const tables = (): string[] => server.sh("nft list tables").trim().split("\n")

  const blockAll = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
-A INPUT -i lo -j ACCEPT
-A OUTPUT -o lo -j ACCEPT
COMMIT
`

  it.each([
    [
      "rules.v6",
      "*filter\n:INPUT DROP [0:0]\n-A INPUT -p icmpv6 -j ACCEPT\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n",
      "table ip6 filter",
    ],
    ["block-all.v6", blockAll, "table ip6 filter"],
    [
      "rules.v4",
      '*filter\n:INPUT DROP [0:0]\n-A INPUT -p icmp -m comment --comment "the ipv6-icmp part is in rules.v6" -j ACCEPT\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n',
      "table ip filter",
    ],
  ])("%s goes into its own family", (name, text, table) => {
    const { code, outcome } = apply(named(name, text))
    expect([code, outcome.event]).toEqual([0, "applied"])
    expect(tables()).toEqual([table])
  })

  it("a file of which nothing tells the family is refused, and the family asked for", () => {
    const file = named("block-all", blockAll)
    const { code, outcome } = apply(file)
    expect([code, outcome.hint]).toEqual([1, expect.stringContaining("--family 4 or --family 6")])
    expect(tables()).toEqual([""])
    expect(apply(file, "--family", "6").outcome.event).toBe("applied")
    expect(tables()).toEqual(["table ip6 filter"])
  })

  it.each([
    [
      "tproxy.sh",
      `#!/bin/sh
ip rule add fwmark 1 lookup 100
ip route add local 0.0.0.0/0 dev lo table 100
iptables -t mangle -A PREROUTING -p tcp --dport 80 -j TPROXY --tproxy-mark 0x1/0x1 --on-port 3129
`,
      ["ip rule add fwmark 1 lookup 100: ", "ip route add local 0.0.0.0/0 dev lo table 100: "],
    ],
    [
      "tc.sh",
      `#!/bin/sh
tc qdisc add dev eth0 root tbf rate 1mbit burst 32kbit latency 400ms
iptables -t mangle -A POSTROUTING -j CLASSIFY --set-class 1:1
`,
      ["tc qdisc add dev eth0 root tbf rate 1mbit burst 32kbit latency 400ms: "],
    ],
    [
      "cut.sh",
      `#!/bin/sh
iptables -F INPUT
iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
iptables -A INPUT -p tcp --dport 22 -j ACCEPT
conntrack -D -p tcp --orig-port-dst 8080 2>/dev/null
conntrack -F 2>/dev/null
true
`,
      ["conntrack -D -p tcp --orig-port-dst 8080: ", "conntrack -F: "],
    ],
  ])("%s is told what was not done, each a note, and nothing of it is done", (name, text, begins) => {
    const routing = (): string => server.sh("ip rule; ip route show table all; tc qdisc")
    const before = routing()
    const { code, outcome } = apply(named(name, text))
    expect([code, outcome.event]).toEqual([0, "applied"])
    expect(outcome.notes).toEqual(begins.map((begin) => expect.stringContaining(begin)))
    expect(routing()).toBe(before)
  })

  const host = `#!/bin/sh
iptables -F INPUT
iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
iptables -A INPUT -p tcp --dport 22 -j ACCEPT
iptables -P INPUT DROP
`

  it.each(["filter", "nat"])(
    "host.sh is applied beside one who writes a chain of %s all the time",
    async (table) => {
      server.sh(`iptables -t ${table} -N KUBE-SERVICES`)
      const writer = stage.startWriter(
        `printf '*${table}\\n:KUBE-SERVICES - [0:0]\\n-A KUBE-SERVICES -d 10.96.0.%d/32 -j RETURN\\nCOMMIT\\n' $((n % 250)) | iptables-restore --noflush`,
      )
      try {
        for (let round = 0; round < 3; round++) {
          const { code, outcome } = apply(named("host.sh", host))
          expect([code, outcome.event], JSON.stringify(outcome)).toEqual([0, "applied"])
          server.sh("iptables -D INPUT 1")
        }
      } finally {
        writer.kill("SIGKILL")
      }
      expect(server.sh(`iptables -t ${table} -S KUBE-SERVICES`)).toMatch(/^-A KUBE-SERVICES -d 10\.96/m)
    },
    120_000,
  )

  it("host.sh goes back, and the ban that came meanwhile stays", async () => {
    server.sh("iptables -N f2b-sshd; iptables -A INPUT -p tcp --dport 22 -j f2b-sshd")
    const before = server.sh("iptables -S")
    const running = stage.start(named("host.sh", host), "--confirm-within", "10s")
    await eventually("the change", () => running.has("applied"), 60_000)
    const ban = "-A f2b-sshd -s 198.51.100.99/32 -j REJECT --reject-with icmp-port-unreachable\n"
    server.sh("iptables -I f2b-sshd -s 198.51.100.99 -j REJECT")
    await eventually("the revert", () => running.code !== undefined, 30_000)
    expect(server.sh("iptables -S")).toBe(`${before}${ban}`)
  }, 120_000)

  it("Docker's own rules in raw stay when a script empties the table, and are named", () => {
    server.sh(`iptables-restore <<'END'
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP
-A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 5432 -j DROP
COMMIT
END`)
    const before = server.sh("iptables -t raw -S")
    const { code, stderr } = stage.run(named("script.sh", "#!/bin/sh\niptables -t raw -F\n"), "--no-confirm")
    expect([code, stderr]).toEqual([0, expect.stringContaining("kept of other programs: ip raw PREROUTING")])
    expect(server.sh("iptables -t raw -S")).toBe(before)
  })

  it("a script with the line ends of Windows is refused, naming them and dos2unix", () => {
    const text = "iptables -F\r\niptables -A INPUT -p tcp --dport 22 -j ACCEPT\r\n"
    const { code, outcome } = apply(named("crlf.sh", text))
    expect([code, outcome]).toEqual([
      64,
      expect.objectContaining({
        message: expect.stringMatching(/Windows.*CRLF/),
        hint: expect.stringContaining("dos2unix"),
      }),
    ])
    expect(tables()).toEqual([""])
  })
})
