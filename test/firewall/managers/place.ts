import { join } from "node:path"
import { proveRestorable } from "../../../src/firewall/restore/prove.ts"
import { restoreSnapshot } from "../../../src/firewall/restore/restore.ts"
import { type Snapshot, takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { firewallOf } from "../../support/firewall/lab-firewall.ts"
import { openAsGuard } from "../../support/firewall/open-as-guard.ts"
import { type RawViews, rawDifferences, rawViews, uncounted } from "../../support/firewall/raw-views.ts"
import type { Host, Lab } from "../../support/lab/lab.ts"
import type { SavedRules } from "./saved-rules.ts"

const addresses = { server: ["192.0.2.1", "2001:db8::1"], client: ["192.0.2.2", "2001:db8::2"] } as const

/** Everything that comes in through a firewall that is open. */
export const everything = ["ssh 4", "ssh 6", "web 4", "web 6", "ping 4", "ping 6"]

/** Pings that a manager lets in; ssh none does, and the web server all. */
const pings: Readonly<Record<string, readonly string[]>> = {
  "arno-iptables-firewall": ["ping 6"],
  ufw: ["ping 4", "ping 6"],
  "ufw-legacy": ["ping 4", "ping 6"],
}

/** The rules as they were at one moment. */
export interface Views {
  /** What is not as it was; of counters either none, or all but those that the last undo has said to be gone. */
  differencesNow(counters: "counters" | "no counters"): unknown[]
}

/** A server with the rules of a manager, and a client beside it; no packet comes but those that a test sends. */
export class Place {
  readonly name: string
  readonly server: Host
  /** Everything that comes in through its rules. */
  readonly normally: readonly string[]
  readonly #client: Host
  readonly #lab: Lab
  readonly #rules: SavedRules
  #gone: readonly string[] = []

  constructor(lab: Lab, rules: SavedRules) {
    this.name = rules.name
    this.#lab = lab
    this.#rules = rules
    this.server = lab.host(`s-${rules.name}`)
    this.#client = lab.host(`c-${rules.name}`)
    this.normally = ["web 4", "web 6", ...(pings[rules.name] ?? [])]
  }

  connect(): void {
    const [server, client] = [this.server, this.#client]
    for (const host of [server, client])
      host.sh("echo 0 >/proc/sys/net/ipv6/conf/default/router_solicitations")
    const withLengths = (those: readonly string[]): string[] =>
      those.map((one) => `${one}/${one.includes(":") ? 64 : 24}`)
    this.#lab.join(
      server,
      "eth0",
      withLengths(addresses.server),
      client,
      "eth0",
      withLengths(addresses.client),
    )
    // /sys is that of the machine; ip asks the kernel.
    const macOf = (host: Host): string =>
      /link\/ether (\S+)/.exec(host.run(["ip", "link", "show", "eth0"]))?.[1] ?? ""
    const know = (host: Host, mac: string, those: readonly string[]): void => {
      for (const one of those) host.sh(`ip neigh replace ${one} lladdr ${mac} dev eth0 nud permanent`)
    }
    know(server, macOf(client), addresses.client)
    know(client, macOf(server), addresses.server)
  }

  async begin(): Promise<void> {
    await Promise.all([this.server.serveTcp(22), this.server.serveTcp(80)])
    this.#rules.load(this.server)
  }

  /** Connections and pings from the client that come through. */
  async letIn(): Promise<string[]> {
    const came = await Promise.all([
      ...[22, 80].flatMap((port) => addresses.server.map((address) => this.#client.reaches(address, port))),
      ...addresses.server.map((address) => this.#client.pings(address)),
    ])
    return everything.filter((_, at) => came[at])
  }

  /** The rules now. */
  async rules(): Promise<Snapshot> {
    return await takeSnapshot(firewallOf(this.server), "arming")
  }

  /** The rules now, as a guard keeps them at arming; throws where an undo would not bring them back. */
  async proven(taken?: Snapshot): Promise<Snapshot> {
    const deps = firewallOf(this.server)
    const { snapshot, proofs } = await proveRestorable(deps, taken ?? (await this.rules()))
    const lost = proofs.filter(({ ok }) => !ok)
    if (lost.length > 0) throw new Error(`not restorable: ${JSON.stringify(lost)}`)
    return snapshot
  }

  /** Opens; returns the rules from before, proven, where any were taken away. */
  async open(arming: Snapshot): Promise<Snapshot | undefined> {
    const { kept, faults } = await openAsGuard(this.server, arming)
    if (faults.length > 0) throw new Error(`not open: ${faults.join("; ")}`)
    return kept && (await this.proven(kept))
  }

  /** Brings the rules back, and tells what did not come; counters that are said to be gone are remembered. */
  async undo(kept: Snapshot): Promise<unknown[]> {
    const folder = join(this.#lab.folder, this.server.name)
    const { ok, end, left, failures, differences } = await restoreSnapshot(firewallOf(this.server), kept, {
      folder,
    })
    const gone = left.filter(({ where }) => explained.test(where))
    this.#gone = gone.map(({ where }) => where)
    return [...(ok ? [] : [end]), ...left.filter((one) => !gone.includes(one)), ...failures, ...differences]
  }

  /** Somebody takes all rules away; policies stay. */
  flush(): void {
    this.server.sh(`
      nft list tables | while read -r _ family name; do nft flush table $family $name; done
      for table in $(cat /proc/net/ip_tables_names); do iptables-legacy -t $table -F; done
      for table in $(cat /proc/net/ip6_tables_names); do ip6tables-legacy -t $table -F; done`)
  }

  views(): Views {
    const before = rawViews(this.server)
    return {
      differencesNow: (counters) => {
        const seen = (views: RawViews): RawViews =>
          counters === "counters" ? withoutGone(views, this.#gone) : uncounted(views)
        return [...rawDifferences(seen(before), seen(rawViews(this.server)))]
      },
    }
  }
}

/**
 * Counters that nobody can put back: libiptc counts the policy of a legacy chain anew when rules come into it, so an open does, and
 * ip6tables-nft-restore 1.8.9 sets no counters of rules, which matters where nft cannot load a table either.
 */
const explained = /^counters of (ip6?tables-legacy|nft ip6) /

function withoutGone(views: RawViews, gone: readonly string[]): RawViews {
  const legacy = gone.some((where) => where.includes("legacy"))
  const ip6 = gone.some((where) => where.includes("nft ip6"))
  return new Map(
    [...views].map(([command, text]) => {
      let left = text
      if (legacy && command.includes("legacy")) left = left.replace(/^(:\w+ \w+) \[\d+:\d+\]$/gm, "$1 [0:0]")
      if (legacy && command === "kernel bytes") left = left.replace(/^legacy .*\n/gm, "")
      if (ip6 && command === "kernel bytes") left = left.replace(/^ip6 .*\n/gm, "")
      if (ip6 && command === "ip6tables-nft-save -c") left = left.replace(/^\[\d+:\d+\]/gm, "[0:0]")
      if (ip6 && command === "nft list ruleset") left = left.replace(/^table ip6 [\s\S]*?^\}\n/gm, "")
      return [command, left]
    }),
  )
}
