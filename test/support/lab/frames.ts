import { fileURLToPath } from "node:url"
import type { Host } from "./lab.ts"

const program = fileURLToPath(new URL("./send-frames.py", import.meta.url))

/** An ICMP echo request in an Ethernet frame. Written here once more, so that tests do not depend on the code they test. */
export interface EchoRequestFrame {
  readonly data: Uint8Array
  readonly source: string
  readonly destination: string
  /** Link addresses as `ip link` prints them. */
  readonly sourceLink: string
  readonly destinationLink: string
  readonly identifier?: number
  readonly sequence?: number
}

const link = (text: string): Buffer => Buffer.from(text.replaceAll(":", ""), "hex")
const ipv4 = (text: string): Buffer => Buffer.from(text.split(".").map(Number))

function checksum(bytes: Buffer): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  return ~sum & 0xffff
}

/** The whole frame: Ethernet, IPv4 (RFC 791) without options, echo request (RFC 792). */
export function echoRequestFrame(echo: EchoRequestFrame): Buffer {
  const icmp = Buffer.concat([Buffer.alloc(8), echo.data])
  icmp[0] = 8
  icmp.writeUInt16BE(echo.identifier ?? 0x4242, 4)
  icmp.writeUInt16BE(echo.sequence ?? 1, 6)
  icmp.writeUInt16BE(checksum(icmp), 2)
  const ip = Buffer.alloc(20)
  ip[0] = 0x45
  ip.writeUInt16BE(20 + icmp.length, 2)
  ip[8] = 64
  ip[9] = 1
  ipv4(echo.source).copy(ip, 12)
  ipv4(echo.destination).copy(ip, 16)
  ip.writeUInt16BE(checksum(ip), 10)
  return Buffer.concat([link(echo.destinationLink), link(echo.sourceLink), Buffer.from([8, 0]), ip, icmp])
}

/** A device's link address. */
export function linkAddress(host: Host, device: string): string {
  const [about] = JSON.parse(host.run(["ip", "-j", "link", "show", device])) as { address: string }[]
  if (about === undefined) throw new Error(`${host.name}: ${device} has no link address`)
  return about.address
}

/** What `sendFrames` did. */
export interface FramesSent {
  readonly sent: number
  readonly seconds: number
}

/**
 * Puts frames on a device, round and round, `count` in all, `rate` a second (0: as fast as the machine can). Runs beside
 * the test: await it when it should be over.
 */
export async function sendFrames(
  host: Host,
  device: string,
  frames: readonly Uint8Array[],
  options: { readonly rate: number; readonly count: number },
): Promise<FramesSent> {
  const child = host.start(
    // Before others, or a busy machine would not reach the rate that is wanted.
    ["nice", "-n", "-10", "/usr/bin/python3", program, device, String(options.rate), String(options.count)],
    { stdin: "pipe" },
  )
  let said = ""
  let complained = ""
  child.stdout?.on("data", (chunk: Buffer) => {
    said += chunk.toString()
  })
  child.stderr?.on("data", (chunk: Buffer) => {
    complained += chunk.toString()
  })
  child.stdin?.end(frames.map((frame) => Buffer.from(frame).toString("hex")).join("\n"))
  await new Promise((resolve) => child.once("close", resolve))
  const [sent, seconds] = said.split(" ").map(Number)
  if (sent === undefined || seconds === undefined) throw new Error(`sending frames: ${complained}`)
  return { sent, seconds }
}
