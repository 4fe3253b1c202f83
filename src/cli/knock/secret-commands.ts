import { randomBytes } from "node:crypto"
import { whyNoKnocks } from "../../client/may-knock.ts"
import { monotonicClock } from "../../clock.ts"
import { reasonOf } from "../../errors.ts"
import { exitCodeFor } from "../../report/outcome.ts"
import { canonicalHost } from "../../secrets/host-name.ts"
import { forgetRecord, type HostRecord, keepRecord } from "../../secrets/host-records.ts"
import { forgetSecret, rememberSecret } from "../../secrets/remember.ts"
import { generateSecret } from "../../secrets/secret.ts"
import { formatSecretLine } from "../../secrets/secret-file.ts"
import { parseTarget } from "../../secrets/target.ts"
import { addressFamily } from "../../wire/address.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"
import { addressesOf } from "./known-hosts/addresses.ts"
import { type KnownHost, KnownHosts } from "./known-hosts/known-hosts.ts"
import { isCalled, isOneHost } from "./known-hosts/same-host.ts"
import { newSecretFor } from "./secrets.ts"

/** For the resolver; milliseconds. */
const lookUpMs = 2000

/** `fw-knock secret HOST`: a new line on standard output, and nothing kept. */
export async function secret(target: string, terminal: Terminal, host: ProgramHost): Promise<number> {
  const fresh = generateSecret(new Uint8Array(randomBytes(16)))
  const server = canonicalHost(parseTarget(target).host)
  terminal.result(formatSecretLine({ host: server, name: undefined, secret: fresh }))
  if (host.stderr.isTTY === true) {
    terminal.say(`put this line into a file of mode 0600 on ${server}, for fw-watchdog --secret-file FILE,`)
    terminal.say(`and here: fw-knock remember ${target}`)
  }
  return exitCodeFor("done")
}

/** `fw-knock remember HOST`: its secret, and a record for knocks to add to. */
export async function remember(target: string, terminal: Terminal, host: ProgramHost): Promise<number> {
  const hosts = new KnownHosts(host)
  const known = await hosts.find(target)
  const folders = await hosts.foldersFor(known)
  const entry = await newSecretFor(known, host)
  if (entry.host !== undefined && !isCalled(known, entry.host))
    terminal.warn(`the line names ${entry.host}, and is remembered for ${known.name}`)
  const mark = randomBytes(8).toString("hex")
  const { path, sharedWith: names } = rememberSecret(folders.secrets, known.name, entry, mark)
  const sharedWith = await others(names, known, hosts)
  if (sharedWith.length > 0)
    terminal.warn(
      `${[...sharedWith, known.name].join(" and ")} share one secret: a knock for the one can be sent to the other`,
      "give every host its own: fw-knock secret HOST",
    )
  try {
    keepRecord(folders.records, await renewed(known))
  } catch (thrown) {
    terminal.warn(`${reasonOf(thrown)}; it will be looked up at every knock`)
  }
  terminal.report({
    event: "remembered",
    code: "done",
    message: `${known.name}: remembered in ${path}`,
    hint: `try it now, it changes nothing: fw-knock probe ${target}`,
    facts: { host: known.name, path, sharedWith },
  })
  const isIpv6 = [known.target.host, ...(known.record?.addresses ?? [])].find(addressFamily)?.includes(":")
  const fault = await whyNoKnocks(isIpv6 ? 6 : 4)
  if (fault !== undefined) terminal.warn(`no knock can be sent from here: ${fault.message}`, fault.hint)
  return exitCodeFor("done")
}

/** The hosts among these names that are others, as far as records and the resolver tell. */
async function others(names: readonly string[], known: KnownHost, hosts: KnownHosts): Promise<string[]> {
  if (names.length === 0) return []
  const addresses = await waysTo(known)
  const found = await Promise.all(
    names.map(async (name) => {
      const other = await hosts.find(name)
      return isOneHost(known, addresses, other, await waysTo(other)) ? [] : [name]
    }),
  )
  return found.flat()
}

/** Its record, with what was typed and, where addresses are kept, with those that its name has now: it may have moved. */
async function renewed(known: KnownHost): Promise<HostRecord> {
  const { host, user, port } = known.target
  const record = known.record ?? { name: host, addresses: [] }
  const isNew = record.addresses.length === 0
  const now = addressFamily(host) !== 0 ? [host] : isNew ? [] : await waysTo(known, { anew: true })
  return {
    ...record,
    enrolled: false,
    user: user ?? record.user,
    port: port ?? record.port,
    addresses: [...now, ...record.addresses],
  }
}

/** @param options `anew` asks the resolver even where addresses are kept */
async function waysTo(known: KnownHost, options: { anew?: boolean } = {}): Promise<string[]> {
  const record = options.anew && known.record ? { ...known.record, addresses: [] } : known.record
  return await addressesOf({ ...known, record }, undefined, lookUpMs, monotonicClock).catch(() => [])
}

/** `fw-knock forget HOST`: 1 when nothing was remembered. */
export async function forget(target: string, terminal: Terminal, host: ProgramHost): Promise<number> {
  const hosts = new KnownHosts(host)
  const { name } = await hosts.find(target)
  const all = await hosts.allFolders()
  const removed = all.flatMap(({ secrets, records }) => [
    forgetSecret(secrets, name),
    forgetRecord(records, name),
  ])
  const code = removed.includes(true) ? "done" : "refused"
  terminal.report({
    event: code === "done" ? "forgotten" : "not-remembered",
    code,
    message: `${name}: ${code === "done" ? "forgotten" : `nothing was remembered in ${all.map(({ secrets }) => secrets).join(" or ")}`}`,
    facts: { host: name },
  })
  return exitCodeFor(code)
}
