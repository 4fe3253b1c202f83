import { createSocket } from "node:dgram"
import { reasonOf } from "../errors.ts"
import { parseAddress, withoutZone } from "../wire/address.ts"
import { decodeSegment, protocolTcp, segmentLength, tcpFlags, writeSegment } from "../wire/tcp.ts"
import { Writer } from "../wire/writer.ts"
import { openSocket, receiveMany, sendOn } from "./raw-socket-transmitter.ts"
import type { Heard, Transmitter } from "./transmitter.ts"

/** Ports that nobody listens at by habit: where a kernel takes those of its own connections from (RFC 6335 section 6). */
const portsFrom = 49_152
/** Copies that an answer may still come to, of all hosts. */
const mostAwaited = 65_536 - portsFrom
const window = 65_535

/** A SYN that was sent, by the port that it was sent from. */
interface Sent {
  readonly sequence: number
  /** The acknowledgment of its answer: a SYN takes one number, and its data the rest. */
  readonly acknowledgment: number
}

/**
 * Opens a raw TCP socket for requests in the data of SYNs to one port: each copy from a port of its own, so that what went wrong
 * with one is over with it. The kernel resets what it knows nothing of, behind us; that does no harm.
 * @param port 1..65535
 * @throws Fault as `openRawTransmitter`
 */
export async function openSegmentTransmitter(
  family: 4 | 6,
  port: number,
  heard: Heard,
  random: (length: number) => Uint8Array,
): Promise<Transmitter> {
  const socket = await openSocket(family, protocolTcp)
  const sent = new Map<number, Sent>()
  const sources = new Map<string, Promise<string>>()
  let next = number(random, 2)
  receiveMany(socket, (bytes, address) => {
    const segment = decodeSegment(family === 4 ? bytes.subarray(((bytes[0] ?? 0) & 15) * 4) : bytes)
    if (!segment.ok) return
    const { sourcePort, destinationPort, acknowledgment, flags, data } = segment.value
    if (sourcePort !== port || (flags & tcpFlags.ack) === 0 || data.length === 0) return
    const request = sent.get(destinationPort)
    if (request === undefined || request.acknowledgment !== acknowledgment) return
    heard.reply({ address, port, identifier: 0, sequence: request.sequence, data })
  })
  let open = true

  return {
    means: "raw",
    async send(address, { sequence, data }) {
      let source: string
      try {
        const known = sources.get(address) ?? sourceTo(family, address, port)
        sources.set(address, known)
        source = await known
      } catch (thrown) {
        sources.delete(address)
        return reasonOf(thrown)
      }
      if (!open) return "the socket is closed"
      const [from, to] = [parseAddress(withoutZone(source)), parseAddress(withoutZone(address))]
      if (from === undefined || to === undefined || from.length !== to.length)
        return "no address here leads there"
      const sourcePort = portsFrom + (next % mostAwaited)
      next += 1
      const first = number(random, 4)
      const segment = {
        ...{ sourcePort, destinationPort: port, sequence: first, acknowledgment: 0 },
        ...{ flags: tcpFlags.syn, window, checksum: undefined, urgentPointer: 0 },
        ...{ options: new Uint8Array(), data },
      }
      const writer = new Writer(segmentLength(segment))
      writeSegment(writer, segment, from, to)
      sent.set(sourcePort, { sequence, acknowledgment: (first + 1 + data.length) >>> 0 })
      return await sendOn(socket, writer.finish(), address)
    },
    close() {
      if (open) socket.close()
      open = false
    },
  }
}

/** The address that the kernel would send from, as it says of a socket that is connected and sends nothing. */
function sourceTo(family: 4 | 6, address: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(family === 4 ? "udp4" : "udp6")
    socket.once("error", (error) => {
      socket.close()
      reject(error)
    })
    // Node hands an error of connect(2) to this callback, against its types.
    socket.connect(port, address, ((failure?: Error) => {
      if (failure instanceof Error) reject(failure)
      else resolve(socket.address().address)
      socket.close()
    }) as () => void)
  })
}

function number(random: (length: number) => Uint8Array, bytes: 2 | 4): number {
  return random(bytes).reduce((sum, byte) => sum * 256 + byte, 0)
}
