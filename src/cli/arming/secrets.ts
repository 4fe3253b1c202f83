import { randomBytes } from "node:crypto"
import { isIP } from "node:net"
import { hostname, networkInterfaces } from "node:os"
import type { ArmedSecret } from "../../guard/machine/configuration.ts"
import { readStanding, type StandingSecrets } from "../../guard/state/standing-secrets.ts"
import { deriveKeys } from "../../knock/keys.ts"
import { encodeRequest } from "../../knock/request.ts"
import { generateSecret } from "../../secrets/secret.ts"
import { formatSecretLine } from "../../secrets/secret-file.ts"
import type { Terminal } from "../terminal/terminal.ts"
import { workstationLines } from "./instructions.ts"

/**
 * The secrets of a new session: those of the file, else a one-time secret where there is a terminal to show it on.
 * @param address what the one-time secret's line names
 * @throws Fault as `readSecretFile`
 */
export function armedSecrets(
  secretFile: string | undefined,
  interactive: boolean,
  address: string,
  terminal: Terminal,
): readonly ArmedSecret[] {
  if (secretFile !== undefined) return usable(readStanding(secretFile, Date.now()), terminal)
  if (!interactive) return []
  const secret = generateSecret(new Uint8Array(randomBytes(16)))
  return [{ host: address, name: "", kind: "one-time", secret: Buffer.from(secret).toString("hex") }]
}

/** Those that can be used; of the others people are told. */
export function usable({ secrets, leftOut }: StandingSecrets, terminal: Terminal): readonly ArmedSecret[] {
  for (const line of leftOut) terminal.warn(line)
  return secrets
}

/** The host as the secrets' lines have it, for fw-knock to find them by; the address where they name none. */
export function hostToKnock(secrets: readonly Pick<ArmedSecret, "host">[], address: string): string {
  return secrets.find(({ host }) => host !== "")?.host ?? address
}

/**
 * Instructions for the workstation with these secrets, line by line; a one-time secret is among them.
 * @param verbose with a line for a machine without fw-knock, too
 */
export function linesFor(
  secrets: readonly ArmedSecret[],
  address: string,
  { plain, verbose }: { readonly plain: string; readonly verbose: boolean },
): string[] {
  const oneTime = secrets.find((secret) => secret.kind === "one-time")
  const bytes = oneTime === undefined ? undefined : new Uint8Array(Buffer.from(oneTime.secret, "hex"))
  return workstationLines({
    host: hostToKnock(secrets, address),
    address,
    secretLine: oneTimeLine(secrets),
    readyMade: bytes === undefined || !verbose ? undefined : readyMadeReset(bytes),
    standing: secrets.some((secret) => secret.kind === "standing"),
    plain: plain !== "",
  })
}

/** The same for a change, whose confirmation has lines of its own: the one-time secret and nothing else. None where none was made. */
export function secretLines(secrets: readonly ArmedSecret[]): string[] {
  const line = oneTimeLine(secrets)
  if (line === undefined) return []
  const host = hostToKnock(secrets, "")
  return ["its secret, for knocks of a workstation:", `       fw-knock remember ${host}`, `       ${line}`]
}

function oneTimeLine(secrets: readonly ArmedSecret[]): string | undefined {
  const oneTime = secrets.find((secret) => secret.kind === "one-time")
  if (oneTime === undefined) return undefined
  const secret = new Uint8Array(Buffer.from(oneTime.secret, "hex"))
  return formatSecretLine({ host: oneTime.host, name: undefined, secret })
}

/** One complete one-way reset request, in hex: good once, for this session's one-time secret only. */
function readyMadeReset(secret: Uint8Array): string {
  const request = encodeRequest(deriveKeys(secret), {
    verb: "reset",
    oneWay: true,
    hard: false,
    clientTimeMs: Date.now(),
    nonce: new Uint8Array(randomBytes(16)),
    challenge: undefined,
  })
  return Buffer.from(request).toString("hex")
}

/** One secret, one host: a line that names another host has been copied here by mistake. */
export function warnOfForeignSecrets(secrets: readonly ArmedSecret[], terminal: Terminal): void {
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map((entry) => entry.address),
  )
  const own = new Set([hostname(), hostname().split(".")[0], "localhost", ...addresses])
  for (const { host, kind } of secrets) {
    // A name may be this host's in the DNS; only an address that is not here is surely another's.
    if (kind === "standing" && host !== "" && !own.has(host) && (isIP(host) !== 0 || !host.includes(".")))
      terminal.warn(
        `a secret names "${host}", and this host is "${hostname()}"`,
        "one secret, one host: `fw-knock secret HOST` makes a new one",
      )
  }
}
