import type { Carriers } from "../../client/knocker.ts"
import type { Carrier } from "../../client/paths.ts"
import { Fault } from "../../errors.ts"
import type { HostRecord } from "../../secrets/host-record.ts"
import { tcpPortOf } from "../terminal/tcp-port.ts"

/** @param text of `--road`: `icmp`, or `tcp/PORT`. @throws Fault `usage` for anything else */
export function parseRoad(text: string): Carrier {
  if (text === "icmp") return text
  const port = tcpPortOf(text)
  if (port !== undefined) return port
  throw new Fault("usage", `--road "${text}" is no road: icmp, or tcp/ and a port from 1 to 65535, is wanted`)
}

/** `icmp`, `tcp/22`: a carrier as people, records and `--json` name it. */
export function roadText(carrier: Carrier): string {
  return carrier === "icmp" ? carrier : `tcp/${carrier}`
}

/** The road that a record keeps behind an answer by this carrier; undefined where it needs none. */
export function roadToKeep(carrier: Carrier | undefined): string | undefined {
  return carrier === undefined || carrier === "icmp" ? undefined : roadText(carrier)
}

/**
 * The carriers of a host's knocks: the road that was asked for and no other; else echo requests, and segments to its ssh port behind
 * them, or beside them where those are what carried the last time.
 * @param port of its sshd
 */
export function carriersTo(
  road: Carrier | undefined,
  record: Pick<HostRecord, "road"> | undefined,
  port: number,
): Carriers {
  if (road === "icmp") return { icmp: true }
  if (road !== undefined) return { icmp: false, tcpPort: road }
  const kept = tcpPortOf(record?.road ?? "")
  return { icmp: true, tcpPort: kept ?? port, tcpAtOnce: kept !== undefined }
}
