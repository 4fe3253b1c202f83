import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { independentView } from "../../support/firewall/independent-views.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { inputOf, machineIn, refusalOf, rehearseOn, rulesOf } from "../../support/rehearsing.ts"

if (labUnavailable) process.stderr.write(`skipped: rehearsal of scripts: ${labUnavailable}\n`)

const oldPost = readFileSync(join(import.meta.dirname, "../../support/old-post.sh"), "utf8")

describe.skipIf(labUnavailable)("the rehearsal of a shell script", () => {
  const lab = new Lab()
  afterAll(() => lab.close())
  const host = machineIn(lab)
  if (!labUnavailable) host.sh("iptables-nft -A INPUT -s 203.0.113.5 -j DROP")

  it("runs the old post's script as it is, and touches nothing here", async () => {
    const before = independentView(host)
    const done = await rehearseOn(host, inputOf(lab, oldPost))
    expect(rulesOf(done, "ip")).toEqual([
      "-A INPUT -i lo -j ACCEPT",
      "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-A INPUT -m conntrack --ctstate INVALID -j DROP",
      ...[22, 80, 443].map(
        (port) => `-A INPUT -p tcp -m tcp --dport ${port} -m conntrack --ctstate NEW -j ACCEPT`,
      ),
      "-A INPUT -p icmp -j ACCEPT",
      '-A INPUT -p tcp -j LOG --log-prefix "Denied TCP: "',
      '-A INPUT -p udp -j LOG --log-prefix "Denied UDP: "',
    ])
    expect(done.words.named).toEqual(new Set(["ip filter INPUT", "ip filter FORWARD", "ip filter OUTPUT"]))
    expect([done.writes, done.notes]).toEqual([[], []])
    await done.close()
    expect(independentView(host)).toBe(before)
  })

  it("says what is no rule and not done here, and does it to nothing but the copy", async () => {
    const before = host.sh("ip rule; ip route show table all; tc qdisc")
    const script = `#!/bin/sh -e
      ip rule add fwmark 1 lookup 100
      ip route add local 0.0.0.0/0 dev lo table 100
      tc qdisc add dev eth0 root tbf rate 1mbit burst 32kbit latency 400ms
      [ -n "$(ip -o link show eth0)" ]
      iptables -t mangle -A PREROUTING -p tcp --dport 80 -j MARK --set-mark 1`
    const done = await rehearseOn(host, inputOf(lab, script))
    expect(done.notes.map((note) => note.split(": ")[0])).toEqual([
      "ip rule add fwmark 1 lookup 100",
      "ip route add local 0.0.0.0/0 dev lo table 100",
      "tc qdisc add dev eth0 root tbf rate 1mbit burst 32kbit latency 400ms",
    ])
    await done.close()
    expect(host.sh("ip rule; ip route show table all; tc qdisc")).toBe(before)
  })

  it("a script that ends with a ping gets a hint that fits, and one that looks at the failure is taken", async () => {
    const rule = "iptables -A INPUT -s 203.0.113.9 -j DROP"
    const refused = await refusalOf(host, inputOf(lab, `#!/bin/sh\n${rule}\nping -c1 -W1 192.0.2.254\n`))
    expect(refused.message).toMatch(/:3: "ping -c1 -W1 192.0.2.254": a rehearsal has no network/)
    expect(refused.hint).toMatch(/take it out/)
    const done = await rehearseOn(
      host,
      inputOf(lab, `#!/bin/sh\n${rule}\nping -c1 -W1 192.0.2.254 || true\n`),
    )
    await done.close()
  })

  it.each(["#!/bin/sh", "#!/bin/bash -e"])(
    "takes failures that the script looks at, with %s",
    async (first) => {
      const script = `${first}
      I=/sbin/iptables
      $I -C INPUT -j ACCEPT || $I -A INPUT -j ACCEPT
      $I -D INPUT -s 192.0.2.77 -j DROP 2>/dev/null || true
      $I -N INPUT || :
      if $I -A INPUT -j one; then exit 9; fi
      $I -A INPUT -j two 2>/dev/null || $I -A INPUT -p udp -j ACCEPT
      while ! $I -A INPUT -j three; do break; done
      ! $I -A INPUT -j four
      nft delete table inet nothing || true
      ipset destroy nothing 2>/dev/null || :
      exit 0`
      const done = await rehearseOn(host, inputOf(lab, script))
      expect(rulesOf(done, "ip").slice(1)).toEqual(["-A INPUT -j ACCEPT", "-A INPUT -p udp -j ACCEPT"])
      await done.close()
    },
  )

  it.each([
    [
      "a plain call",
      "#!/bin/sh\n\niptables -A INPUT -j nope\niptables -A INPUT -j ACCEPT\n",
      /:3: .*nope.*does not exist/,
    ],
    [
      "one in a function, by an absolute path in a variable",
      'I=/sbin/iptables\nadd() {\n  $I "$@"\n}\nadd -A INPUT -j ACCEPT\nadd -A INPUT -j nope\ntrue\n',
      /:3 \(called from line 6\): "iptables -A INPUT -j nope"/,
    ],
    ["one in a pipeline", "#!/bin/bash\niptables -A INPUT -j nope 2>&1 | cat\n", /:2: .*nope/],
    [
      "a newline in a parameter",
      "true\niptables -A INPUT -m comment --comment 'a\nb' -j ACCEPT",
      /:2: .*newline/,
    ],
    [
      "a parameter of 1024 characters",
      'list=$(seq -s, -f 10.0.0.%g 1 130)\niptables -A INPUT -s "$list" -j DROP',
      /:2: .*a parameter of 1\d\d\d bytes/,
    ],
    ["a name", "iptables -A INPUT -s some.example.com -j DROP", /:1: .*names do not resolve in a rehearsal/],
    [
      "the network",
      "true\nfor a in $(getent hosts some.example.com); do iptables -A INPUT -s $a; done",
      /:2: .*no network/,
    ],
  ])("refuses %s", async (_, script, message) => {
    const input = inputOf(lab, script)
    const refused = await refusalOf(host, input)
    expect(refused.message).toMatch(message)
    expect(refused.message).toMatch(new RegExp(`^${input.name}:\\d+(:| \\(called from line \\d+\\):) `))
  })

  it("finds a failure in 300 calls, its line, and what the tool said", async () => {
    const lines = Array.from(
      { length: 300 },
      (_, index) => `iptables -A INPUT -s 10.0.0.${index % 256} -j DROP`,
    )
    lines[150] = "iptables -A INPUT -j nope"
    const input = inputOf(lab, `#!/bin/sh\n${lines.join("\n")}\n`)
    const refused = await refusalOf(host, input)
    expect(refused.message).toMatch(new RegExp(`^${input.name}:152: `))
    expect(refused.message).toMatch(/"iptables -A INPUT -j nope": exit code \d: .*nope/)
  })

  it("ends one that does not end", async () => {
    const refused = await refusalOf(host, inputOf(lab, "iptables -A INPUT -j ACCEPT; sleep 1000"), 1500)
    expect(refused.message).toMatch(/still running after 1500ms/)
  })

  it("contains what a script does besides rules, and says so", async () => {
    const mark = join(lab.folder, "mark")
    const swappiness = readFileSync("/proc/sys/vm/swappiness", "utf8")
    const script = `iptables -A INPUT -j ACCEPT
      echo x >${mark}; rm /etc/hostname; echo 1 >/proc/sys/vm/swappiness
      sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=4711 net.ipv4.ip_forward=1
      modprobe nf_conntrack_ftp; service ssh restart
      ls /proc/[0-9]* -d | wc -l >/run/processes; kill -9 1; (sleep 1000; iptables -F) &
      ip route | grep -q "^default via 192.0.2.254 dev eth0"`
    const done = await rehearseOn(host, inputOf(lab, script))
    expect(done.writes).toEqual(["/etc/hostname (removed)", "/run/processes", mark].sort())
    expect(done.notes).toEqual([
      "sysctl net.ipv4.ip_forward = 1: no rule, so not applied; set it yourself",
      "sysctl net.netfilter.nf_conntrack_tcp_timeout_established = 4711: no rule, so not applied; set it yourself",
      "sysctl vm.swappiness = 1: no rule, so not applied; set it yourself",
      "modprobe nf_conntrack_ftp: no rule, so not done; modules that rules need load by themselves",
      "service ssh restart: not done, services are not part of the rehearsal",
      "the script left 2 processes running; ended with the rehearsal",
    ])
    await done.close()
    expect([existsSync(mark), existsSync("/etc/hostname"), existsSync("/run/processes")]).toEqual([
      false,
      true,
      false,
    ])
    expect(readFileSync("/proc/sys/vm/swappiness", "utf8")).toBe(swappiness)
  })

  it("carries every argument into the rules", async () => {
    const words = [
      "two words",
      "it's",
      'say "so"',
      "back\\slash\\",
      "$HOME",
      "`id`",
      "# no",
      "a; b",
      "",
      "zwölf €",
      "-dash",
    ]
    const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`
    const bytecode = `58${",6 0 0 4294967295".repeat(58)}`
    expect(bytecode.length).toBeGreaterThan(980)
    const lines = words.flatMap((word) => [
      `iptables -A INPUT -m comment --comment ${quoted(word)} -j ACCEPT`,
      // The kernel wants a prefix of one character at least.
      ...(word === "" ? [] : [`ip6tables -A INPUT -j LOG --log-prefix ${quoted(word)}`]),
    ])
    const script = [...lines, `iptables -A INPUT -m bpf --bytecode '${bytecode}' -j DROP`]
    const done = await rehearseOn(host, inputOf(lab, `#!/bin/sh\n${script.join("\n")}\n`))
    // iptables-restore(8) reads a word in double quotes, where a backslash takes the next character as it is.
    const read = (rule: string): string =>
      (/(?:--comment|--log-prefix|--bytecode) (?:"((?:\\.|[^"\\])*)"|(\S+))/.exec(rule) ?? [])
        .slice(1)
        .join("")
    const plain = (rule: string): string => read(rule).replace(/\\(.)/g, "$1")
    expect(rulesOf(done, "ip").slice(1).map(plain)).toEqual([...words, bytecode])
    expect(rulesOf(done, "ip6").map(plain)).toEqual(words.filter((word) => word !== ""))
    await done.close()
  })
})
