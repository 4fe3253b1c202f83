import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { proveRestorable } from "../../../src/firewall/restore/prove.ts"
import { restoreSnapshot } from "../../../src/firewall/restore/restore.ts"
import { compareSnapshots } from "../../../src/firewall/snapshot/compare.ts"
import { type Snapshot, takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { independentView } from "../../support/firewall/independent-views.ts"
import { firewallOf } from "../../support/firewall/lab-firewall.ts"
import { openAsGuard } from "../../support/firewall/open-as-guard.ts"
import { rawDifferences, rawViews } from "../../support/firewall/raw-views.ts"
import { type Host, Lab, labUnavailable } from "../../support/lab/lab.ts"
import { type SavedRules, savedRules } from "./saved-rules.ts"

if (labUnavailable) process.stderr.write(`skipped: rules of firewall managers: ${labUnavailable}\n`)

const addresses = { server: ["192.0.2.1", "2001:db8::1"], client: ["192.0.2.2", "2001:db8::2"] } as const

/** Pings that a manager lets in, by IP version; of the others none is. */
const pings: Readonly<Record<string, readonly string[]>> = {}

const everything = ["ssh 4", "ssh 6", "web 4", "web 6", "ping 4", "ping 6"]

/** A server with the rules, and a client beside it; no packet comes but those that a test sends. */
class Place {
  readonly server: Host
  readonly name: string
  readonly normally: readonly string[]
  readonly #client: Host
  readonly #lab: Lab
  readonly #rules: SavedRules

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
    this.#lab.join(
      server,
      "eth0",
      addresses.server.map((one, at) => `${one}/${at === 0 ? 24 : 64}`),
      client,
      "eth0",
      addresses.client.map((one, at) => `${one}/${at === 0 ? 24 : 64}`),
    )
    // /sys is that of the machine; ip asks the kernel.
    const macOf = (host: Host): string =>
      /link\/ether (\S+)/.exec(host.run(["ip", "link", "show", "eth0"]))?.[1] ?? ""
    const neighbours = (host: Host, mac: string, those: readonly string[]): void => {
      for (const one of those) host.sh(`ip neigh replace ${one} lladdr ${mac} dev eth0 nud permanent`)
    }
    neighbours(server, macOf(client), addresses.client)
    neighbours(client, macOf(server), addresses.server)
  }

  async begin(): Promise<void> {
    const { server } = this
    await Promise.all([server.serveTcp(22), server.serveTcp(80)])
    this.#rules.load(server)
  }

  /** Connections and pings from the client that come through. */
  async letIn(): Promise<string[]> {
    const tried = [
      ...[22, 80].flatMap((port) =>
        addresses.server.map((address) => this.#client.reaches(address, port, 500)),
      ),
      ...addresses.server.map((address) => this.#client.pings(address)),
    ]
    const came = await Promise.all(tried)
    return everything.filter((_, at) => came[at])
  }

  async proven(): Promise<Snapshot> {
    const deps = firewallOf(this.server)
    const { snapshot, proofs } = await proveRestorable(deps, await takeSnapshot(deps, "arming"))
    expect(proofs.filter(({ ok }) => !ok)).toEqual([])
    return snapshot
  }

  /** Brings the rules back, and tells what did not come. */
  async undo(kept: Snapshot | undefined): Promise<unknown[]> {
    if (kept === undefined) return ["nothing was kept"]
    const deps = firewallOf(this.server)
    const report = await restoreSnapshot(deps, kept, { folder: join(this.#lab.folder, this.server.name) })
    const { ok, left, failures, differences } = report
    const counted = compareSnapshots(kept, await takeSnapshot(deps, "after"), "exact")
    return [...(ok ? [] : [report.end]), ...left, ...failures, ...differences, ...counted]
  }

  /** Somebody takes all rules away; policies stay. */
  flush(): void {
    this.server.sh(`
      for table in $(nft list tables | cut -d' ' -f2,3 --output-delimiter=:); do
        nft flush table $(echo $table | tr : ' ')
      done
      for table in $(cat /proc/net/ip_tables_names); do iptables-legacy -t $table -F; done
      for table in $(cat /proc/net/ip6_tables_names); do ip6tables-legacy -t $table -F; done`)
  }

  /** All views as they are now. */
  views(): { differencesNow(): unknown[] } {
    const look = () => new Map([...rawViews(this.server), ["bytecode", independentView(this.server)]])
    const before = look()
    return { differencesNow: () => [...rawDifferences(before, look())] }
  }
}

describe.skipIf(labUnavailable)("rules of firewall managers", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  const places = savedRules().map((rules) => new Place(lab, rules))
  beforeAll(async () => {
    for (const place of places) place.connect()
    // Reports of multicast groups go out for two seconds, and would be counted.
    await new Promise((resolve) => setTimeout(resolve, 3000))
  })

  describe.each(places)("$name", (place) => {
    beforeAll(() => place.begin())

    it("stop what they are there to stop", async () => {
      expect(await place.letIn()).toEqual(place.normally)
    })

    it("open over IPv4 and IPv6, and come back exactly", async () => {
      const before = place.views()
      const arming = await place.proven()
      const { kept, faults } = await openAsGuard(place.server, arming)
      expect(faults).toEqual([])
      expect(await place.letIn()).toEqual(everything)
      expect(await place.undo(kept)).toEqual([])
      expect(before.differencesNow()).toEqual([])
      expect(await place.letIn()).toEqual(place.normally)
    })

    it("flushed: open over IPv4 and IPv6, and come back exactly, flushed and whole", async () => {
      const whole = place.views()
      const arming = await place.proven()
      place.flush()
      const flushed = place.views()
      const { kept, faults } = await openAsGuard(place.server, await place.proven())
      expect(faults).toEqual([])
      expect(await place.letIn()).toEqual(everything)
      if (kept !== undefined) expect(await place.undo(kept)).toEqual([])
      expect(flushed.differencesNow()).toEqual([])
      expect(await place.undo(arming)).toEqual([])
      expect(whole.differencesNow()).toEqual([])
      expect(await place.letIn()).toEqual(place.normally)
    })
  })
})
