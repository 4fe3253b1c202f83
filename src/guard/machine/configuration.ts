import type { SecretEntry } from "../../secrets/secret-file.ts"

/** One secret a session accepts knocks for. */
export interface ArmedSecret {
  readonly host: string
  readonly name: string
  /** A one-time secret lives and dies with its session; a standing one comes from a file. */
  readonly kind: "one-time" | "standing"
  /** The 16 secret bytes, in hex. Travels to the guard by a pipe only. */
  readonly secret: string
  /** A standing one that `fw-knock enroll` has made, and `fw-watchdog revoke` takes away. */
  readonly enrolled?: boolean
  /** It is accepted until then, on the wall clock, in milliseconds; undefined for ever. */
  readonly expiresMs?: number
}

/** The entries of a secret file as a session uses them. */
export function standingSecrets(entries: readonly SecretEntry[]): ArmedSecret[] {
  return entries.map((entry) => ({
    host: entry.host ?? "",
    name: entry.name ?? "",
    kind: "standing",
    secret: Buffer.from(entry.secret).toString("hex"),
  }))
}

/** Who armed a session, for `status`. */
export interface ArmedBy {
  readonly user: string
  /** The ssh client's address, or empty on a console. */
  readonly from: string
  readonly terminal: string
}

/** Everything a session is told at its birth. The command line is checked before this exists. */
export interface SessionConfiguration {
  readonly timeoutMs: number
  readonly onExpiry: "disarm" | "reset" | "rollback"
  /** After an open, go back to the rules in force at arming when this has passed; 0 for never. */
  readonly openForMs: number
  /** The part of the firewall that an open covers (native-notes/firewall.md). */
  readonly scope: "all" | "filter"
  readonly secrets: readonly ArmedSecret[]
  /** Absolute path of the file the standing secrets came from, to read it again on SIGHUP; empty without one. */
  readonly secretFile: string
  /** The bare text of `--plain`, or empty. */
  readonly plain: string
  /** Interfaces to hear; empty means all. */
  readonly devices: readonly string[]
  /** Sources to accept, as CIDRs; empty means all. */
  readonly from: readonly string[]
  /** The TCP ports that knocks are heard at too (the second road); empty for none. */
  readonly tcpPorts: readonly number[]
  readonly dryRun: boolean
  /** Do not write to the terminals of logged-in users. */
  readonly quiet: boolean
  readonly armedBy: ArmedBy
  /** Armed by fw-apply for one change: the session ends with it. */
  readonly forChange?: boolean
}

/** The roads by which a knock can come, as people say them. */
export function roadsOf(tcpPorts: readonly number[]): string[] {
  return [0, ...tcpPorts].map(roadOf)
}

/** @param port the TCP port; 0 for an echo request */
export function roadOf(port: number): string {
  return port === 0 ? "icmp" : `tcp/${port}`
}

/** One that hears everywhere, opens everything and owes nothing at its end. It has no secret yet, and no time. */
export const plainestSession: SessionConfiguration = {
  timeoutMs: 0,
  onExpiry: "disarm",
  openForMs: 0,
  scope: "all",
  secrets: [],
  secretFile: "",
  plain: "",
  devices: [],
  from: [],
  tcpPorts: [],
  dryRun: false,
  quiet: false,
  armedBy: { user: "", from: "", terminal: "" },
}
