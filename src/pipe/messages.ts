import { maxLineBytes } from "./line-reader.ts"

/**
 * The pipe between the listener and the guard: JSON, one message a line, a closed set. Each side parses what it gets as
 * if an attacker had written it; what does not parse is undefined and gets counted.
 */

/** A message of the listener to the guard. */
export type FromListener =
  /** The captures are open, privileges are gone and checked: packets are being read. */
  | {
      readonly type: "ready"
      readonly devices: readonly string[]
      readonly filter: string
      readonly notes: readonly string[]
    }
  /**
   * A request of exactly 128 bytes that passed the screen, `data` in hex. `ref` names the return path of its answer. `flow`
   * tells whether its sender is that of the first copy of it that this listener heard over this carrier. `port` is the TCP port
   * that was knocked at, 0 for an echo request.
   */
  | {
      readonly type: "knock"
      readonly ref: number
      readonly data: string
      readonly source: string
      readonly destination: string
      readonly device: string
      readonly flow: "first" | "other"
      readonly carrier: "echo" | "syn" | "established"
      readonly port: number
    }
  | { readonly type: "plain"; readonly source: string; readonly destination: string; readonly device: string }
  /** Totals since this listener began, at most once a second. */
  | {
      readonly type: "counts"
      readonly heard: number
      readonly missed: number
      readonly rejected: Readonly<Record<string, number>>
    }
  | { readonly type: "pong"; readonly sequence: number }
  /** The captures do not fit this host any more (an interface or address came or went); said again until it is let go. */
  | { readonly type: "outdated"; readonly why: string }
  /** It put a canary on `lo`, or heard one. */
  | { readonly type: "canary"; readonly is: "sent" | "heard" }
  | { readonly type: "fault"; readonly code: string; readonly message: string; readonly hint: string }

/** A message of the guard to the listener. The first three come once, in this order, before it opens anything. */
export type ToListener =
  | {
      readonly type: "configure"
      /** Interfaces to hear; empty means all of them. */
      readonly devices: readonly string[]
      /** Accept knocks from these CIDRs only; empty means from everywhere. */
      readonly from: readonly string[]
      /** The bare text of `--plain`, or empty. */
      readonly plain: string
      /** The TCP ports of the second road; empty for none. */
      readonly tcpPorts: readonly number[]
      readonly uid: number
      readonly gid: number
    }
  /** One secret's tag and screen key, in hex; nobody can make a knock of them. */
  | { readonly type: "key"; readonly id: string; readonly tag: string; readonly screenKey: string }
  | { readonly type: "start" }
  /** Send these 128 bytes (hex) back along `ref`. */
  | { readonly type: "answer"; readonly ref: number; readonly data: string }
  | { readonly type: "ping"; readonly sequence: number }

const isText = (value: unknown, limit: number): value is string =>
  typeof value === "string" && value.length <= limit
const isHex = (value: unknown, bytes: number): value is string =>
  typeof value === "string" && value.length === bytes * 2 && /^[0-9a-f]*$/.test(value)
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
/** `stage/reason`: a slash keeps it from being the name of something that every object has. */
const isReason = (key: string): boolean => key.length <= 48 && /^[a-z0-9]+\/[a-z0-9-]+$/.test(key)
const isTexts = (value: unknown, limit: number): value is string[] =>
  Array.isArray(value) && value.every((item) => isText(item, limit))
const isPorts = (value: unknown): value is number[] =>
  Array.isArray(value) &&
  value.length <= 16 &&
  value.every((port) => isCount(port) && port > 0 && port <= 0xffff)

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** Parses one line from the listener; undefined when it is none of the messages, whole and in bounds. */
export function parseFromListener(line: string): FromListener | undefined {
  const m = parseObject(line)
  if (m === undefined) return undefined
  switch (m.type) {
    case "ready":
      return isTexts(m.devices, 64) && isText(m.filter, maxLineBytes) && isTexts(m.notes, 300)
        ? { type: "ready", devices: m.devices, filter: m.filter, notes: m.notes }
        : undefined
    case "knock":
      return isCount(m.ref) &&
        isHex(m.data, 128) &&
        isText(m.source, 64) &&
        isText(m.destination, 64) &&
        isText(m.device, 64) &&
        (m.flow === "first" || m.flow === "other") &&
        (m.carrier === "echo" || m.carrier === "syn" || m.carrier === "established") &&
        isCount(m.port) &&
        m.port <= 0xffff
        ? {
            type: "knock",
            ref: m.ref,
            data: m.data,
            source: m.source,
            destination: m.destination,
            device: m.device,
            ...{ flow: m.flow, carrier: m.carrier, port: m.port },
          }
        : undefined
    case "plain":
      return isText(m.source, 64) && isText(m.destination, 64) && isText(m.device, 64)
        ? { type: "plain", source: m.source, destination: m.destination, device: m.device }
        : undefined
    case "counts": {
      const rejected = m.rejected
      if (!isCount(m.heard) || !isCount(m.missed) || typeof rejected !== "object" || rejected === null)
        return undefined
      const entries = Object.entries(rejected)
      if (entries.length > 100 || !entries.every(([key, value]) => isReason(key) && isCount(value)))
        return undefined
      return { type: "counts", heard: m.heard, missed: m.missed, rejected: Object.fromEntries(entries) }
    }
    case "pong":
      return isCount(m.sequence) ? { type: "pong", sequence: m.sequence } : undefined
    case "outdated":
      return isText(m.why, 200) ? { type: "outdated", why: m.why } : undefined
    case "canary":
      return m.is === "sent" || m.is === "heard" ? { type: "canary", is: m.is } : undefined
    case "fault":
      return isText(m.code, 32) && isText(m.message, 1000) && isText(m.hint, 500)
        ? { type: "fault", code: m.code, message: m.message, hint: m.hint }
        : undefined
    default:
      return undefined
  }
}

/** Parses one line from the guard; undefined when it is none of the messages. */
export function parseToListener(line: string): ToListener | undefined {
  const m = parseObject(line)
  if (m === undefined) return undefined
  switch (m.type) {
    case "configure":
      return isTexts(m.devices, 64) &&
        isTexts(m.from, 64) &&
        isText(m.plain, 256) &&
        isPorts(m.tcpPorts) &&
        isCount(m.uid) &&
        isCount(m.gid)
        ? {
            type: "configure",
            ...{ devices: m.devices, from: m.from, plain: m.plain, tcpPorts: m.tcpPorts },
            ...{ uid: m.uid, gid: m.gid },
          }
        : undefined
    case "key":
      return isText(m.id, 64) && isHex(m.tag, 8) && isHex(m.screenKey, 32)
        ? { type: "key", id: m.id, tag: m.tag, screenKey: m.screenKey }
        : undefined
    case "start":
      return { type: "start" }
    case "answer":
      return isCount(m.ref) && isHex(m.data, 128) ? { type: "answer", ref: m.ref, data: m.data } : undefined
    case "ping":
      return isCount(m.sequence) ? { type: "ping", sequence: m.sequence } : undefined
    default:
      return undefined
  }
}

/** One message as the line that carries it. */
export function toLine(message: FromListener | ToListener): string {
  return `${JSON.stringify(message)}\n`
}

/**
 * A `ready` whose line the guard takes: on a host with many interfaces and secrets it would be too long. What is cut is
 * for people to read, the filter first.
 */
export function fittingReady(ready: Extract<FromListener, { type: "ready" }>): FromListener {
  let { devices, filter, notes } = ready
  const excess = (): number =>
    Buffer.byteLength(toLine({ type: "ready", devices, filter, notes })) - maxLineBytes
  if (excess() > 0) filter = `${filter.slice(0, Math.max(0, filter.length - excess() - 3))}...`
  while (excess() > 0 && notes.length > 0) notes = notes.slice(0, -1)
  while (excess() > 0 && devices.length > 1) devices = devices.slice(0, -1)
  return { type: "ready", devices, filter, notes }
}
