import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { sendEchoes } from "../../support/lab/echo-sender.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: plain texts: ${labUnavailable}\n`)

const text = "reset-iptables"
const hex = Buffer.from(text).toString("hex")
const scapy = `from scapy.all import *; send(IP(dst="192.0.2.1")/ICMP()/Raw(b"${text}"), verbose=0)`
const scapy6 = `from scapy.all import *; send(IPv6(dst="2001:db8::1")/ICMPv6EchoRequest(data=b"${text}"), verbose=0)`

/** The senders of the old recipe, as people have them. */
const senders: readonly { name: string; program: string; command: readonly string[] }[] = [
  { name: "ping -p", program: "ping", command: ["ping", "-c", "1", "-W", "1", "-p", hex, "192.0.2.1"] },
  {
    name: "ping -6 -p",
    program: "ping",
    command: ["ping", "-6", "-c", "1", "-W", "1", "-p", hex, "2001:db8::1"],
  },
  { name: "scapy", program: "scapy", command: ["/usr/bin/python3", "-c", scapy] },
  { name: "scapy over IPv6", program: "scapy", command: ["/usr/bin/python3", "-c", scapy6] },
  { name: "nping", program: "nping", command: ["nping", "--icmp", "-c", "1", "--data", hex, "192.0.2.1"] },
  {
    name: "hping3",
    program: "hping3",
    command: ["hping3", "-1", "-c", "1", "-d", String(text.length), "-e", text, "192.0.2.1"],
  },
]

describe.skipIf(labUnavailable)("--plain", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const opens = (): number => armed.status().opens as number

  beforeAll(async () => {
    await server.serveTcp(22)
    armed.arm("--timeout", "5m", "--plain", text)
  })

  for (const { name, program, command } of senders) {
    const missing =
      program === "scapy"
        ? client.try(["/usr/bin/python3", "-c", "import scapy"]).code
        : client.try(["which", program]).code
    if (missing) process.stderr.write(`skipped: plain text by ${name}: ${program} is not installed\n`)
    it.skipIf(missing)(`opens once for one packet of ${name}`, async () => {
      const before = opens()
      server.sh(
        "iptables-nft -P INPUT DROP; ip6tables-nft -P INPUT DROP; ip6tables-nft -A INPUT -p icmpv6 --icmpv6-type 135/0 -j ACCEPT; ip6tables-nft -A INPUT -p icmpv6 --icmpv6-type 136/0 -j ACCEPT",
      )
      expect(await client.reaches("192.0.2.1", 22)).toBe(false)
      client.try(command)
      await eventually("the open", () => opens() > before)
      expect(await client.reaches("192.0.2.1", 22)).toBe(true)
      await new Promise((resolve) => setTimeout(resolve, 1200)) // longer than the pause between two texts
      expect(opens()).toBe(before + 1)
    })
  }

  it("does nothing for an echo reply with the text, or the text in a UDP packet", async () => {
    const before = opens()
    sendEchoes(client, "192.0.2.1", [{ data: new TextEncoder().encode(text), kind: "reply" }])
    client.sh(`printf '${text}' | nc -u -w1 -N 192.0.2.1 9 || true`)
    sendEchoes(client, "192.0.2.1", [{ data: new TextEncoder().encode("heard after them") }])
    await eventually("what came after them", () => {
      const rejected = armed.status().rejected as Record<string, number>
      return (rejected["screen/length"] ?? 0) > 0
    })
    expect(opens()).toBe(before)
  })
})
