import { Fault } from "../errors.ts"

/**
 * The old recipe: a bare text anywhere in the data of an echo request. Nothing authenticates it; who reads the network
 * learns it, and may send it again.
 *
 * `ping -p HEX` repeats a pattern of at most 16 bytes over its data, beginning where its time stamp ends, in whatever
 * phase that gives. A text of up to 16 bytes that *is* the whole pattern stands somewhere in it in one piece, as long as the
 * data is long enough (56 bytes by default: 40 of pattern, and 31 are enough for any phase). A longer text cannot be sent
 * with `ping -p`; scapy, nping and hping3 send any.
 */

/**
 * The shortest text, in bytes. Random data of a full frame holds eight given bytes once in 2^53 packets, and four of
 * them once in 2^21: within a minute of a flood. Shorter words also stand in ordinary payloads.
 */
const shortestPlainBytes = 8
/** The longest text, in bytes. */
const longestPlainBytes = 64
/** The longest pattern that `ping -p` can send, in bytes. */
const longestPingPattern = 16
/** The data of an echo request is searched this far: an Ethernet frame's worth. */
const plainSearchBytes = 1500

/**
 * Checks the text of `--plain`.
 * @returns its bytes in UTF-8
 * @throws Fault `usage` when it is too short or too long, holds control characters, or stands in what pings send anyway.
 */
export function plainBytes(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length < shortestPlainBytes || bytes.length > longestPlainBytes)
    throw plainFault(`it has ${bytes.length} bytes, ${shortestPlainBytes} to ${longestPlainBytes} are wanted`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text)) throw plainFault("it holds a control character")
  if (ordinaryPayloads(bytes).some((payload) => payload.includes(Buffer.from(bytes))))
    throw plainFault("ordinary pings carry it, and each of them would open the firewall")
  return bytes
}

/**
 * Builds the search for a text that {@link plainBytes} accepts: does the data of an echo request hold it? The work is
 * bounded by 1500 bytes of data times 64 of text, and in practice by the first.
 * @throws Fault `usage` as `plainBytes`
 */
export function plainMatcher(text: string): (data: Uint8Array) => boolean {
  const wanted = Buffer.from(plainBytes(text))
  return (data) =>
    data.length >= wanted.length &&
    Buffer.from(data.buffer, data.byteOffset, Math.min(data.length, plainSearchBytes)).includes(wanted)
}

/** The payloads of Linux, BSD and macOS pings (counting bytes), of Windows (the alphabet to w), and of one byte only. */
function ordinaryPayloads(text: Uint8Array): Buffer[] {
  return [
    Buffer.from(Array.from({ length: 512 }, (_, i) => i % 256)),
    Buffer.from("abcdefghijklmnopqrstuvw".repeat(5)),
    Buffer.alloc(longestPlainBytes, text[0]),
  ]
}

function plainFault(why: string): Fault {
  return new Fault("usage", `cannot take the text of --plain: ${why}`, {
    hint: `choose something like reset-iptables, up to ${longestPingPattern} bytes if ping -p is to send it`,
  })
}
