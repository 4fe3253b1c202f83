import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { type Snapshot, takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { saveSnapshot } from "../../../src/firewall/snapshot/store/store.ts"
import { askOnce } from "../../../src/guard/control/client.ts"
import type { ControlCommand } from "../../../src/guard/control/commands.ts"
import type { ChangeOrder } from "../../../src/guard/machine/event.ts"
import type { SessionStatus } from "../../../src/guard/machine/status.ts"
import type { Outcome } from "../../../src/report/outcome.ts"
import { firewallOf, hostWith } from "../../support/firewall/lab-firewall.ts"
import { type Host, Lab, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"

/** A bit of everything: both families, both backends, sets, and a table of nft's own. */
export const someOfEverything = `
  ipset create known hash:ip timeout 86400
  ipset add known 192.0.2.77
  ipset create known6 hash:net family inet6
  iptables-nft -P FORWARD DROP
  iptables-nft -A INPUT -m set --match-set known src -j ACCEPT
  iptables-nft -A INPUT -p tcp --dport 25 -m comment --comment 'a b' -j DROP
  ip6tables-nft -A INPUT -m set --match-set known6 src -j DROP
  iptables-legacy -A INPUT -p udp --dport 9 -j DROP
  ip6tables-legacy -A OUTPUT -p udp --dport 9 -j DROP
  nft add table inet own
  nft 'add set inet own ports { type inet_service ; elements = { 25, 465 } ; }'
  nft 'add chain inet own input { type filter hook input priority 5 ; policy accept ; }'
  nft 'add rule inet own input tcp dport @ports counter packets 3 bytes 180 drop'`

/** Other rules in every one of these. */
export const otherRules = `
  ipset create known hash:ip timeout 86400
  ipset add known 192.0.2.78
  iptables-nft -P INPUT DROP
  iptables-nft -A INPUT -p tcp --dport 22 -j ACCEPT
  iptables-nft -A INPUT -i lo -j ACCEPT
  ip6tables-nft -P INPUT DROP
  ip6tables-nft -A INPUT -p tcp --dport 22 -j ACCEPT
  iptables-legacy -A INPUT -p udp --dport 10 -j DROP
  ip6tables-legacy -A INPUT -p udp --dport 10 -j DROP
  nft add table inet own
  nft 'add chain inet own output { type filter hook output priority 5 ; policy accept ; }'`

/** Takes all of these away. */
export const noRules = `nft flush ruleset; for f in ip ip6; do \${f}tables-legacy -F; \${f}tables-legacy -P INPUT ACCEPT; done; ipset flush; ipset destroy`

/** An armed server that changes are asked of as `fw-apply` does, without rehearsing them. */
export class ChangeStage {
  readonly lab: Lab
  readonly server: Host
  readonly client: Host
  readonly armed: ArmedServer
  /** Where candidates come from. */
  readonly #elsewhere = new Lab()

  constructor() {
    const { lab, server, client } = twoHosts()
    this.lab = lab
    this.server = server
    this.client = client
    this.armed = new ArmedServer(lab, server)
  }

  async close(): Promise<void> {
    this.armed.try("disarm")
    await this.#elsewhere.close()
    await this.lab.close()
  }

  /** What a machine without rules has when this script has run there. */
  async rulesOf(script: string): Promise<Snapshot> {
    return await takeSnapshot(firewallOf(hostWith(this.#elsewhere, script)), "candidate")
  }

  /** Asks the guard to put these rules in force. */
  async apply(candidate: Snapshot, order: Partial<ChangeOrder> = {}, before?: Snapshot): Promise<Outcome> {
    const id = order.id ?? randomBytes(8).toString("hex")
    const folder = join(this.armed.runtimeFolder(), `apply-${id}`)
    const inForce = before ?? (await takeSnapshot(firewallOf(this.server), "rehearsal"))
    return await this.ask({
      command: "apply",
      order: {
        id,
        candidate: await saveSnapshot(folder, candidate),
        rehearsed: await saveSnapshot(folder, inForce),
        withinMs: 60_000,
        force: false,
        save: false,
        sshPort: 22,
        client: "192.0.2.2",
        user: "ada",
        ...order,
      },
    })
  }

  async ask(command: Exclude<ControlCommand, { command: "status" | "watch" }>): Promise<Outcome> {
    return (await askOnce(this.armed.runtimeFolder(), command)).outcome
  }

  /** The guard's own word, without the start of another program. */
  async status(): Promise<SessionStatus> {
    return await askOnce(this.armed.runtimeFolder(), { command: "status" })
  }

  /** SIGKILL for the guard, and until nobody answers any more. */
  async killGuard(): Promise<void> {
    const { guardPid } = await this.status()
    process.kill(guardPid, "SIGKILL")
    await eventually("the guard's end", () => !existsSync(`/proc/${guardPid}`))
  }

  /** A connection from the client to a port that stays; resolves when it is up. */
  async connect(port = 22): Promise<void> {
    const program = `const s=require("net").connect({port:${port},host:"192.0.2.1",allowHalfOpen:true});s.on("connect",()=>console.log("up"));s.on("error",()=>process.exit(1));setInterval(()=>{},1000)`
    const child = this.client.start([process.execPath, "-e", program])
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once("data", () => resolve())
      child.once("exit", () => reject(new Error(`no connection to port ${port}`)))
    })
  }
}
