/** The hook that a base chain hangs on: it sees every packet there. */
export interface BaseHook {
  readonly type: string
  readonly hook: string
  readonly priority: number
  readonly policy: "accept" | "drop"
  /** Devices of a netdev or ingress chain; empty for others. */
  readonly devices: readonly string[]
}

/**
 * Reads the declaration of a chain: `type filter hook ingress devices = { "a", "b" } priority -150; policy drop;`. Undefined for
 * a chain that is only jumped to.
 */
export function readHook(declaration: string): BaseHook | undefined {
  const [, type, hook, devices = "", priority] =
    /^\s*type (\S+) hook (\S+) (.*?)priority ([^;]+);/m.exec(declaration) ?? []
  if (type === undefined || hook === undefined || priority === undefined) return undefined
  return {
    type,
    hook,
    priority: readPriority(priority),
    policy: /policy drop/.test(declaration) ? "drop" : "accept",
    devices: devices.replace(/^devices? =?/, "").match(/[^\s{}",]+/g) ?? [],
  }
}

/** nft(8), standard priority names; `-y` prints numbers instead, where nft knows that option. */
const priorities: Readonly<Record<string, number>> = {
  raw: -300,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
  out: 100,
}

function readPriority(text: string): number {
  const [, name, sign = "+", offset = "0"] = /^([a-z]+)\s*(?:([+-])\s*(\d+))?/.exec(text) ?? []
  if (name === undefined) return Number(text.replace(/\s/g, ""))
  return (priorities[name] ?? 0) + Number(`${sign}${offset}`)
}

/**
 * The places in the kernel where a base chain is registered, as words that are equal when two chains run at the same one: the
 * one that was registered last runs first there, whatever table it stands in (net/netfilter/core.c, nf_hook_entries_grow).
 * Chains of type nat are in a list of their own (nf_nat_core.c, nf_nat_register_fn).
 */
export function hookPlaces(family: string, { type, hook, priority, devices }: BaseHook): string[] {
  const early = hook === "ingress" || hook === "egress"
  const layers = early ? devices : family === "inet" ? ["ip", "ip6"] : [family]
  return layers.map((layer) => `${type === "nat" ? "nat " : ""}${layer} ${hook} ${priority}`)
}

/** The same of a table of iptables, which hangs on these hooks at this priority (iptable_filter.c and its kin). */
export function legacyHookPlaces(family: string, table: string): string[] {
  const all = ["prerouting", "input", "forward", "output", "postrouting"]
  const hooks: Readonly<Record<string, readonly [number, readonly string[]]>> = {
    filter: [0, ["input", "forward", "output"]],
    raw: [-300, ["prerouting", "output"]],
    mangle: [-150, all],
    security: [50, ["input", "forward", "output"]],
  }
  const [priority, names] = hooks[table] ?? [0, []]
  return names.map((hook) => `${family} ${hook} ${priority}`)
}
