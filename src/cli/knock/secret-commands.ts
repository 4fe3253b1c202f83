import { randomBytes } from "node:crypto"
import { whyNoPings } from "../../client/may-ping.ts"
import { familyOf } from "../../client/resolve.ts"
import { monotonicClock } from "../../clock.ts"
import { exitCodeFor } from "../../report/outcome.ts"
import { canonicalHost } from "../../secrets/host-name.ts"
import { canonicalAddress, forgetRecord, type HostRecord, keepRecord } from "../../secrets/host-records.ts"
import { forgetSecret, rememberSecret } from "../../secrets/remember.ts"
import { generateSecret } from "../../secrets/secret.ts"
import { formatSecretLine } from "../../secrets/secret-file.ts"
import { addressFamily } from "../../wire/address.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"
import { addressesOf } from "./known-hosts/addresses.ts"
import { type KnownHost, KnownHosts } from "./known-hosts/known-hosts.ts"
import { isCalled, isOneHost } from "./known-hosts/same-host.ts"
import { newSecretFor } from "./secrets.ts"

/** For the resolver, which is asked only whether two names are one host; milliseconds. */
const lookUpMs = 2000

/** `fw-knock secret HOST`: a new line on standard output, and nothing kept. */
export async function secret(target: string, terminal: Terminal, host: ProgramHost): Promise<number> {
  const fresh = generateSecret(new Uint8Array(randomBytes(16)))
  terminal.result(formatSecretLine({ host: canonicalHost(target), name: undefined, secret: fresh }))
  if (host.stderr.isTTY === true) {
    terminal.say(`put this line into a file of mode 0600 on ${target}, for fw-watchdog --secret-file FILE,`)
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
  keepRecord(folders.records, withWhatWasTyped(known))
  terminal.report({
    event: "remembered",
    code: "done",
    message: `${known.name}: remembered in ${path}`,
    hint: `try it now, it changes nothing: fw-knock probe ${target}`,
    facts: { host: known.name, path, sharedWith },
  })
  const fault = await whyNoPings(familyOf(known.record?.addresses[0] ?? known.target.host))
  if (fault !== undefined) terminal.warn(`no knock can be sent from here: ${fault.message}`, fault.hint)
  return exitCodeFor("done")
}

/** The hosts among these names that are others, as far as records and the resolver tell. */
async function others(names: readonly string[], known: KnownHost, hosts: KnownHosts): Promise<string[]> {
  if (names.length === 0) return []
  const addresses = await lookedUp(known)
  const found: string[] = []
  for (const name of names) {
    const other = await hosts.find(name)
    if (!isOneHost(known, addresses, other, await lookedUp(other))) found.push(name)
  }
  return found
}

async function lookedUp(known: KnownHost): Promise<string[]> {
  return await addressesOf(known, undefined, lookUpMs, monotonicClock).catch(() => [])
}

function withWhatWasTyped({ record, target: { host, user, port } }: KnownHost): HostRecord {
  const { addresses, ...rest } = record ?? { name: host, addresses: [] }
  const typed = addressFamily(host) === 0 ? [] : [canonicalAddress(host)]
  return {
    ...rest,
    user: user ?? record?.user,
    port: port ?? record?.port,
    addresses: [...new Set([...typed, ...addresses])],
  }
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
