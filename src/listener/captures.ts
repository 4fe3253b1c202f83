import { readFileSync } from "node:fs"
import { type Capture, type CaptureOptions, openCapture, snapLength } from "../capture/pcap-source.ts"
import { Fault, reasonOf } from "../errors.ts"
import { networkDevices } from "../system/network/network-devices.ts"

export type OnFrame = CaptureOptions["onFrame"]

/** Kernel ring of each capture, in bytes, and what all of them together may have. */
const largestRing = 2 * 1024 * 1024
const allRings = 16 * 1024 * 1024
/**
 * Bytes of a frame that a knock needs, with room for VLAN tags and IPv4 options. The kernel's ring has slots of this size, so it
 * holds three times as many knocks of a flood as with the room that a bare text may need.
 */
const knockSnapLength = 320
/** Named captures that are opened when no `--interface` was given. */
const mostDevices = 64

/**
 * Opens the captures on the wanted devices, or, when none is wanted, on `any` and every device but `lo`. Devices that cannot
 * be decoded are left out with a note then.
 * @throws Fault as `openCapture`
 */
export function openCaptures({
  wanted,
  knocks,
  neighbours,
  plain,
  onFrame,
}: {
  readonly wanted: readonly string[]
  /** The filters: of every capture, and what is heard on Ethernet devices besides. */
  readonly knocks: string
  readonly neighbours: string
  /** A bare text may stand anywhere in a packet. */
  readonly plain: boolean
  readonly onFrame: OnFrame
}): { captures: Map<string, Capture>; notes: string[] } {
  const captures = new Map<string, Capture>()
  const notes: string[] = []
  const all = networkDevices(readFileSync("/proc/self/net/dev", "utf8")).filter((device) => device !== "lo")
  const devices = wanted.length > 0 ? wanted : all.slice(0, mostDevices)
  const bufferSize = Math.min(largestRing, Math.floor(allRings / (devices.length + 1)))
  const open = (device: string, filter: string): Capture =>
    openCapture({
      device,
      filter,
      onFrame,
      bufferSize,
      snapLength: plain ? snapLength : knockSnapLength,
    })
  const openNamed = (device: string): Capture => {
    try {
      return open(device, `(${knocks}) or ${neighbours}`)
    } catch (thrown) {
      // A link without ARP (tun, ppp) has no filter for it; whatever else is wrong is wrong again without it.
      if (!(thrown instanceof Fault) || thrown.code !== "configuration") throw thrown
      return open(device, knocks)
    }
  }
  if (wanted.length > 0) {
    for (const device of wanted) captures.set(device, openNamed(device))
    return { captures, notes }
  }
  // `any` hears everything and survives interfaces that come and go, but names no interface and cannot inject: the
  // named ones tell where an answer has to leave.
  captures.set("any", open("any", knocks))
  for (const device of devices) {
    try {
      captures.set(device, openNamed(device))
    } catch (thrown) {
      notes.push(reasonOf(thrown).slice(0, 200))
    }
  }
  return { captures, notes: notes.slice(0, 4) }
}

/** A capture that hears nothing, to inject canaries on. */
export function openLoopback(notes: string[]): Capture | undefined {
  try {
    return openCapture({ device: "lo", filter: "less 1", onFrame: () => {}, bufferSize: 65_536 })
  } catch (thrown) {
    notes.push(`no canary: ${reasonOf(thrown)}`.slice(0, 200))
    return undefined
  }
}
