import { afterAll, describe, it } from "vitest"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { matrix } from "../../support/matrix.ts"
import { type Case, goesAsTheScript } from "./as-the-script.ts"

if (labUnavailable) process.stderr.write(`skipped: scripts of arptables and ebtables: ${labUnavailable}\n`)

/** Rules of all their tables, chains of a user's own with a policy, and counters. */
const full = `
ebtables-nft -N guard -P RETURN
ebtables-nft -A guard -p IPv4 --ip-src 10.0.0.1 -j DROP
ebtables-nft -A FORWARD -i eth0 -j guard
ebtables-nft -A INPUT --limit 5/s -j ACCEPT
ebtables-nft -P FORWARD DROP
ebtables-nft -t nat -A PREROUTING -p ARP -j arpreply --arpreply-mac 02:00:00:00:00:01
arptables-nft -N guard
arptables-nft -A guard -s 10.0.0.1 -j DROP
arptables-nft -A INPUT -i eth0 -j guard
arptables-nft -P OUTPUT DROP
arptables-legacy -N guard
arptables-legacy -A guard -s 10.0.0.1 -j DROP
arptables-legacy -A INPUT -i eth0 -j guard
arptables-legacy -P OUTPUT DROP`

/** Each on an empty machine and on a full one. */
const scripts: readonly Omit<Case, "before">[] = [
  {
    name: "of both, with chains of a user's own",
    script: `
ebtables -t filter -F; ebtables -X; ebtables -t nat -F; ebtables -t nat -X
ebtables -N wall
ebtables -P wall DROP
ebtables -A wall -p ARP --arp-op Request --arp-ip-dst 10.0.0.0/8 -j ACCEPT
ebtables -A wall -p IPv4 --ip-proto tcp --ip-dport 22:23 -j ACCEPT
ebtables -A FORWARD -i eth0 -o eth1 -j wall
ebtables -A FORWARD -s 02:00:00:00:00:01 --log --log-prefix "a b" -j CONTINUE
ebtables -A FORWARD -j mark --mark-set 5 --mark-target ACCEPT
ebtables -P FORWARD DROP
ebtables -t nat -A PREROUTING -d 02:00:00:00:00:02 -j dnat --to-dst 02:00:00:00:00:03 --dnat-target ACCEPT
ebtables -t nat -A POSTROUTING -o eth1 -j snat --to-src 02:00:00:00:00:04
arptables -F
arptables -X
arptables -N wall
arptables -A wall -s 10.0.0.1 --opcode 2 -j ACCEPT
arptables -A wall --source-mac 02:00:00:00:00:01 -j DROP
arptables -A INPUT -i eth0 -j wall
arptables -A OUTPUT -j mangle --mangle-ip-s 10.0.0.9
arptables -P INPUT DROP`,
  },
  {
    name: "of both, that only empty",
    script:
      "ebtables -F; ebtables -X; ebtables -t nat -F; ebtables -P FORWARD ACCEPT; arptables -F; arptables -X; arptables -P OUTPUT ACCEPT",
  },
  {
    name: "of both, one rule put in and one taken out",
    script: `
ebtables -D INPUT --limit 5/s -j ACCEPT 2>/dev/null || true
ebtables -D INPUT -p IPv6 -j DROP 2>/dev/null || true
ebtables -I INPUT 1 -p IPv6 -j DROP
ebtables -E guard watch 2>/dev/null || true
arptables -D INPUT -d 10.0.0.2 -j ACCEPT 2>/dev/null || true
arptables -I INPUT -d 10.0.0.2 -j ACCEPT`,
  },
  {
    name: "with conditions that arptables-save leaves out",
    script: `
arptables -F
arptables -A INPUT --destination-mac 02:00:00:00:00:02/ff:ff:ff:00:00:00 -j DROP
arptables -A INPUT ! --h-type 1 -j DROP
arptables -A OUTPUT -s 10.0.0.1 -j ACCEPT`,
  },
  {
    name: "of arptables-legacy",
    script: `
arptables-legacy -F
arptables-legacy -X
arptables-legacy -N wall
arptables-legacy -A wall -s 10.0.0.1 --opcode 2 -j ACCEPT
arptables-legacy -A INPUT -i eth0 -j wall
arptables-legacy -A OUTPUT -j mangle --mangle-ip-s 10.0.0.9
arptables-legacy -P INPUT DROP`,
  },
  {
    name: "by restores",
    script: `
printf '*filter\\n:INPUT ACCEPT\\n:FORWARD DROP\\n:OUTPUT ACCEPT\\n:wall RETURN\\n-A FORWARD -i eth0 -j wall\\n-A wall -p ARP -j DROP\\n' | ebtables-restore
printf '*filter\\n:INPUT DROP\\n:OUTPUT ACCEPT\\n:wall -\\n-A INPUT -i eth0 -j wall\\n-A wall -s 10.0.0.1 -j DROP\\n' | arptables-restore`,
  },
  {
    name: "rules of nft's own in their tables",
    script: `
arptables -F INPUT
ebtables -F INPUT
nft add rule arp filter INPUT arp operation request counter accept
nft add rule bridge filter INPUT ether type ip ip saddr 10.0.0.3 counter drop
nft add rule bridge filter INPUT counter accept`,
  },
]

describe.skipIf(labUnavailable)("scripts of arptables and ebtables", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  const cases = scripts.flatMap(({ name, script }) => [
    { name: `${name}, on an empty machine`, before: "true", script },
    { name: `${name}, on a machine with rules`, before: full, script },
  ])
  it.each(matrix(cases, 3))("$name", async (one) => {
    await goesAsTheScript(lab, one)
  })
})
