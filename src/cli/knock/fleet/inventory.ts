import { Fault } from "../../../errors.ts"
import { groupOfAll, isGroupName } from "../../../secrets/fleet/group-name.ts"
import type { NamedHost } from "../../../secrets/fleet/joining.ts"
import { canonicalHost, isHostName } from "../../../secrets/host-name.ts"
import { isTarget } from "../../../secrets/target.ts"
import { sshWords } from "../../../ssh/words.ts"
import { addressFamily } from "../../../wire/address.ts"

/** The hosts of an inventory, and what of it cannot be kept. */
export interface Inventory {
  readonly hosts: readonly NamedHost[]
  readonly leftOut: readonly LeftOut[]
}

/** A part of an inventory that cannot be kept, and why, for people. */
export interface LeftOut {
  /** The host that it is about; undefined for a group. */
  readonly host: string | undefined
  readonly why: string
}

type Variables = Readonly<Record<string, unknown>>

/** Ansible's own groups of all hosts, and of those in no group. */
const ownGroups = new Set([groupOfAll, "ungrouped"])

/** Connections that go to the host itself, by ssh. */
const sshConnections = new Set([undefined, "ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh"])

/**
 * Reads what `ansible-inventory --list` prints: groups with hosts and children, and each host's variables in
 * `_meta.hostvars`. Of the variables `ansible_host`, `ansible_port`, `ansible_user` and a plain ProxyJump in
 * `ansible_ssh_common_args` or `ansible_ssh_extra_args` are taken. A host is a member of all groups above its own, too.
 * @returns each host once, in the order of the inventory
 * @throws Fault `configuration` for what is no such text; nothing of its content is repeated
 */
export function parseInventory(text: string, source: string): Inventory {
  const found = inventoryOf(text)
  if (found === undefined)
    throw new Fault(
      "configuration",
      `${source} is not what ansible-inventory --list prints: nothing was done`,
      {
        hint: "ansible-inventory -i INVENTORY --list >FILE makes one",
      },
    )
  const { variables, groups } = found
  const leftOut: LeftOut[] = []
  const good = new Set([...groups.keys()].filter((name) => isGroupName(name) && !ownGroups.has(name)))
  for (const name of groups.keys())
    if (!good.has(name) && !ownGroups.has(name))
      leftOut.push({ host: undefined, why: `the group "${name}": no name for one here` })
  const members = groupsByHost(groups)
  const names = new Set([...Object.keys(variables), ...members.keys()])
  const hosts: NamedHost[] = []
  const seen = new Map<string, string>()
  for (const name of names) {
    const own = Object.hasOwn(variables, name) ? variables[name] : {}
    const all = [...(members.get(name) ?? [])].filter((group) => good.has(group))
    const host = hostOf(name, isObject(own) ? own : {}, all, leftOut)
    if (host === undefined) continue
    const twin = seen.get(canonicalHost(name))
    if (twin !== undefined) leftOut.push({ host: name, why: `${name}: is ${twin} by another spelling` })
    else hosts.push(host)
    seen.set(canonicalHost(name), name)
  }
  return { hosts, leftOut }
}

/** True for a text that {@link parseInventory} reads; an inventory that Ansible reads has no `_meta`. */
export function isPrintedInventory(text: string): boolean {
  return /^\s*\{/.test(text) && inventoryOf(text) !== undefined
}

interface Group {
  readonly hosts: readonly string[]
  readonly children: readonly string[]
}

function inventoryOf(text: string): { variables: Variables; groups: Map<string, Group> } | undefined {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(found) || !isObject(found._meta) || !isObject(found._meta.hostvars)) return undefined
  const groups = Object.entries(found).filter(([name]) => name !== "_meta")
  return {
    variables: found._meta.hostvars,
    groups: new Map(groups.map(([name, group]) => [name, groupOf(group)])),
  }
}

/** A script's inventory may give the bare list of hosts. */
function groupOf(found: unknown): Group {
  if (Array.isArray(found)) return { hosts: found.filter(isText), children: [] }
  const { hosts, children } = isObject(found) ? found : {}
  return {
    hosts: Array.isArray(hosts) ? hosts.filter(isText) : [],
    children: Array.isArray(children) ? children.filter(isText) : [],
  }
}

/** Every host's groups: those that list it, and all above them. */
function groupsByHost(groups: ReadonlyMap<string, Group>): Map<string, Set<string>> {
  const parents = new Map<string, string[]>()
  for (const [name, { children }] of groups)
    for (const child of children) parents.set(child, [...(parents.get(child) ?? []), name])
  const byHost = new Map<string, Set<string>>()
  for (const [name, { hosts }] of groups) {
    const above = new Set([name])
    for (const group of above) for (const parent of parents.get(group) ?? []) above.add(parent) // a set goes on to what is added
    for (const host of hosts) {
      const all = byHost.get(host)
      if (all === undefined) byHost.set(host, new Set(above))
      else for (const group of above) all.add(group)
    }
  }
  return byHost
}

function hostOf(
  name: string,
  variables: Variables,
  groups: readonly string[],
  leftOut: LeftOut[],
): NamedHost | undefined {
  const connection = variables.ansible_connection
  if (!sshConnections.has(isText(connection) ? connection : undefined)) {
    leftOut.push({ host: name, why: `${name}: is not reached by ssh (ansible_connection=${connection})` })
    return undefined
  }
  if (!isHost(name)) {
    leftOut.push({
      host: name,
      why: `"${name}": no host is called so; letters, digits, dots and dashes are wanted`,
    })
    return undefined
  }
  const lacking = (variable: string): undefined =>
    void leftOut.push({ host: name, why: `${name}: ${variable} is not plain` })
  const place = first(variables, "ansible_host", "ansible_ssh_host")
  const where = place === undefined || (isText(place) && isHost(place)) ? place : lacking("ansible_host")
  const user = first(variables, "ansible_user", "ansible_ssh_user")
  const port = first(variables, "ansible_port", "ansible_ssh_port")
  const address = [where, name].find((each) => each !== undefined && addressFamily(each) !== 0)
  return {
    name,
    hostName: where === undefined || where === address || where === name ? undefined : where,
    addresses: address === undefined ? [] : [address],
    user: user === undefined || isUser(user) ? user : lacking("ansible_user"),
    port: port === undefined ? undefined : (portOf(port) ?? lacking("ansible_port")),
    jump: jumpOf(variables, lacking),
    groups,
  }
}

function first(variables: Variables, ...names: readonly string[]): unknown {
  return names.map((name) => variables[name]).find((value) => value !== undefined && value !== null)
}

/** The hosts of ProxyJump in the arguments of ssh; whatever else changes the way there is told. */
function jumpOf(variables: Variables, lacking: (variable: string) => undefined): string | undefined {
  for (const variable of ["ansible_ssh_common_args", "ansible_ssh_extra_args"]) {
    const text = variables[variable]
    if (!isText(text) || !(/proxy/i.test(text) || /(?:^|\s)-\w*J/.test(text))) continue
    const jump = jumpIn(text)
    return jump === "none"
      ? undefined
      : jump?.split(",").every(isTarget)
        ? jump
        : lacking(`the jump in ${variable}`)
  }
  return undefined
}

/** `-o ProxyJump=HOST`, `-oProxyJump=HOST`, `-o "ProxyJump HOST"`, `-J HOST`, `-JHOST`; the first counts, as for ssh. */
function jumpIn(text: string): string | undefined {
  let words: string[]
  try {
    words = sshWords(text)
  } catch {
    return undefined
  }
  for (const [index, word] of words.entries()) {
    const option = /^-([oJ])(.*)$/s.exec(word)
    if (option === null) continue
    const value = option[2] || (words[index + 1] ?? "")
    if (option[1] === "J") return value
    const jump = /^\s*proxyjump(?:\s*=\s*|\s+)(\S+)\s*$/i.exec(value)?.[1]
    if (jump !== undefined) return jump
    if (/^\s*proxycommand\b/i.test(value)) return undefined
  }
  return undefined
}

function portOf(value: unknown): number | undefined {
  const port =
    typeof value === "number" ? value : isText(value) && /^[0-9]{1,5}$/.test(value) ? Number(value) : 0
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? port : undefined
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isText = (value: unknown): value is string => typeof value === "string"

const isHost = (text: string): boolean => isHostName(text.toLowerCase().replace(/\.$/, "")) && isTarget(text)

const isUser = (value: unknown): value is string => isText(value) && isTarget(`${value}@host`)
