import type { Clock } from "../clock.ts"
import { Fault, reasonOf } from "../errors.ts"
import { addressFamily } from "../wire/address.ts"

/** As `dns.promises.lookup` with `all`: what the machine's resolver says, /etc/hosts included, in its order. */
export type Lookup = (name: string, family: 0 | 4 | 6) => Promise<readonly { readonly address: string }[]>

/** The names of this machine's interfaces, for the zone of a link-local address; undefined where they are not known. */
export type InterfaceNames = () => readonly string[] | undefined

/** Waits for as long as a knock may take: name servers may be behind the shut firewall. */
export function inTime<T>(answer: Promise<T>, limitMs: number, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const silence = (): void => reject(Object.assign(new Error("no answer"), { code: "EAI_AGAIN" }))
    const timer = clock.after(limitMs, silence)
    answer.then(resolve, reject).finally(() => timer.cancel())
  })
}

/** Of one family; more are other machines behind one name rather than ways to this one. */
const mostOfOneFamily = 2

/**
 * All addresses to knock at for `host`, at most two of each family, in the resolver's order.
 * @param family only this one (-4, -6)
 * @throws Fault `usage` for an address of the other family or with a zone that is no interface, `missing` for a name that does
 *   not resolve
 */
export async function resolveHost(
  host: string,
  family: 4 | 6 | undefined,
  lookup: Lookup,
  interfaceNames: InterfaceNames,
): Promise<string[]> {
  const literal = addressFamily(host)
  if (literal !== 0) {
    if (family !== undefined && literal !== family)
      throw new Fault(
        "usage",
        `cannot knock at ${host}: it is no IPv${family} address, and -${family} asks for one`,
      )
    if (literal === 6) checkZone(host, interfaceNames)
    return [host]
  }
  let found: readonly { readonly address: string }[]
  try {
    found = await lookup(host, family ?? 0)
  } catch (cause) {
    const which = family === undefined ? "" : ` to an IPv${family} address`
    throw new Fault("missing", `cannot resolve ${host}${which}: ${dnsReason(cause)}`, {
      hint: "knock at its address instead; resolving may itself need what the firewall drops",
      cause,
    })
  }
  return firstOfEach([...new Set(found.map((entry) => entry.address))])
}

/**
 * Those of the addresses that are kept of a host which can be knocked at from here, as `resolveHost` chooses; none where it
 * has to be asked.
 */
export function usableAddresses(
  kept: readonly string[],
  family: 4 | 6 | undefined,
  interfaceNames: InterfaceNames,
): string[] {
  return firstOfEach(
    kept.filter(
      (address) =>
        (family ?? familyOf(address)) === familyOf(address) && hasGoodZone(address, interfaceNames),
    ),
  )
}

/** 4 or 6, of a numeric address with or without a zone. */
export function familyOf(address: string): 4 | 6 {
  return addressFamily(address) === 4 ? 4 : 6
}

/** The kernel would take a link-local address with a wrong zone and send it through an interface of its own choice. */
function checkZone(address: string, interfaceNames: InterfaceNames): void {
  const zone = address.split("%")[1]
  const linkLocal = /^fe[89ab][0-9a-f]:/i.test(address)
  if (zone === undefined && !linkLocal) return
  const known = interfaceNames()
  if (zone !== undefined && (known === undefined || known.includes(zone))) return
  const names = known?.filter((name) => name !== "lo") ?? []
  const what =
    zone === undefined ? "a link-local address needs its interface" : `there is no interface "${zone}"`
  const example = `${address.split("%")[0]}%${names[0] ?? "eth0"}`
  throw new Fault("usage", `cannot knock at ${address}: ${what}, such as ${example}`, {
    hint: `interfaces here: ${names.join(", ")}`,
  })
}

function hasGoodZone(address: string, interfaceNames: InterfaceNames): boolean {
  try {
    checkZone(address, interfaceNames)
    return true
  } catch {
    return false // the interface is gone
  }
}

function firstOfEach(addresses: readonly string[]): string[] {
  const taken = { 4: 0, 6: 0 }
  return addresses.filter((address) => {
    taken[familyOf(address)] += 1
    return taken[familyOf(address)] <= mostOfOneFamily
  })
}

function dnsReason(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === "ENOTFOUND" || code === "ENODATA") return "no such name"
  if (code === "EAI_AGAIN") return "the name servers do not answer"
  return code ?? reasonOf(cause)
}
